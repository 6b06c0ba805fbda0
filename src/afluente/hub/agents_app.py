"""The agents' door.

Invariant: nothing but an enrolment and the public files of updates is answered without a good signature; a body is
bounded before it is read; a chunk's sender is known, and holds a slot, before a byte of it is read; the same message
given again does nothing again.
"""

from __future__ import annotations

import re
import time
from typing import TypeVar

import sqlalchemy as sa
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from afluente.fleet import agents, facts
from afluente.fleet.authentication import authenticate
from afluente.fleet.enrolment import enrol
from afluente.fleet.first_root import first_root
from afluente.fleet.heartbeats import Cloned, register_heartbeat
from afluente.fleet.identity import AgentIdentity
from afluente.fleet.refusal import Refusal
from afluente.hub import bundles
from afluente.hub.errors import answer_errors
from afluente.hub.limits import Bounds, read_bounded
from afluente.hub.parts import HubParts
from afluente.hub.rate import FailureRate
from afluente.hub.signed_request import check_content, read_signed
from afluente.hub.threads import Threads
from afluente.hub.update_files import update_file
from afluente.state.fleet_schema import SLOTS
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.limits import MAX_BUNDLE_BYTES, MAX_CHUNK_BYTES
from afluente_agent.protocol.messages import (
    FIRST_ROOT,
    EnrolmentRequest,
    Heartbeat,
    KeyRequest,
    SlotRequest,
    TransmissionStart,
    TransmissionState,
    from_json,
    to_json,
)
from afluente_agent.protocol.refusal_codes import SLOT_NEEDED
from afluente_agent.protocol.signing import COVERED, OFFSET_HEADER, Signed

Part = TypeVar("Part")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SLOT_NEEDED_SECONDS = 5
_OFFSET = re.compile(r"[0-9]{1,15}")
_SLOT = re.compile(r"[0-9a-z-]{1,64}")


def agents_app(parts: HubParts, threads: Threads) -> FastAPI:
    """The app; it publishes no description of itself."""
    app = FastAPI(title="Afluente: agents", openapi_url=None, redirect_slashes=False)
    answer_errors(app, parts.clock)
    app.add_middleware(
        Bounds,
        settings=parts.settings,
        clock=parts.clock,
        is_buffering=False,
        headers=((b"cache-control", b"no-store"),),
    )
    door = AgentsDoor(parts, threads)
    for method, path, answer in (
        ("POST", "/v1/enrol", door.enrol),
        ("POST", "/v1/heartbeat", door.heartbeat),
        ("POST", "/v1/slot", door.slot),
        ("DELETE", "/v1/slot/{slot}", door.release),
        ("POST", "/v1/transmissions", door.start),
        ("GET", "/v1/transmissions/{transmission}", door.state),
        ("PATCH", "/v1/transmissions/{transmission}", door.append),
        ("POST", "/v1/keys", door.keys),
        ("POST", "/v1/bundle", door.bundle),
        ("GET", "/updates/{name:path}", door.updates),
        ("GET", "/health", door.health),
    ):
        app.router.add_route(path, answer, methods=[method], include_in_schema=False)
    return app


class AgentsDoor:
    """What each address of the agents' door does."""

    def __init__(self, parts: HubParts, threads: Threads) -> None:
        self._parts = parts
        self._threads = threads
        self._enrolments = FailureRate(parts.settings.enrolments_a_minute, now=time.monotonic)

    async def enrol(self, request: Request) -> Response:
        address = request.client.host if request.client else ""
        if wait := self._enrolments.wait_seconds(address):
            raise Refusal(
                "enrolment.too_often",
                "muitas tentativas de instalação daqui; espere um minuto",
                "too many attempts to enrol from here; wait a minute",
                status=429,
                retry_after_seconds=wait,
            )
        body = await self._read(request)
        parts = self._parts

        def work() -> bytes:
            message = from_json(EnrolmentRequest, body)
            root = first_root(parts.updates_folder, signer=parts.signer)
            with parts.database.write() as connection:
                answer = enrol(
                    connection,
                    message,
                    at=parts.clock.now(),
                    hub_signer=parts.signer,
                    pseudonym_key=parts.pseudonym_key,
                    update_root=root,
                )
            return to_json(answer)

        try:
            return _json(await self._threads.state(work))
        except Refusal:
            self._enrolments.failed(address)
            raise

    async def heartbeat(self, request: Request) -> Response:
        signed, signature, body = await self._signed(request)
        parts = self._parts

        def work() -> bytes:
            message = from_json(Heartbeat, body)
            at = parts.clock.now()
            with parts.database.write() as connection:
                answer = register_heartbeat(
                    connection,
                    authenticate(connection, signed, signature, at=at),
                    message,
                    at=at,
                    signer=parts.signer,
                    learn_activity=parts.learn_activity,
                    pseudonym_key=parts.pseudonym_key,
                    next_in_seconds=parts.settings.heartbeat_seconds,
                )
            if isinstance(answer, Cloned):
                raise answer.refusal
            return to_json(answer)

        return _json(await self._threads.state(work))

    async def slot(self, request: Request) -> Response:
        admission = _present(self._parts.admission)
        signed, signature, body = await self._signed(request)

        def work() -> bytes:
            message = from_json(SlotRequest, body)
            return to_json(admission.ask(self._known(signed, signature), message))

        return _json(await self._threads.state(work))

    async def release(self, request: Request) -> Response:
        admission = _present(self._parts.admission)
        slot = request.path_params["slot"]
        signed, signature, _ = await self._signed(request)

        def work() -> None:
            identity = self._known(signed, signature)
            if _SLOT.fullmatch(slot) is None:
                return
            with self._parts.database.read() as connection:
                site = connection.execute(sa.select(SLOTS.c.site).where(SLOTS.c.id == slot)).scalar_one_or_none()
            if site == identity.site:
                admission.release(slot)

        await self._threads.state(work)
        return Response(status_code=204)

    async def start(self, request: Request) -> Response:
        uploads = _present(self._parts.uploads)
        signed, signature, body = await self._signed(request)
        identity = await self._threads.state(lambda: self._known(signed, signature))
        state = await self._threads.uploads(
            lambda: uploads.start(identity, from_json(TransmissionStart, body, is_strict=True))
        )
        return _state(state)

    async def state(self, request: Request) -> Response:
        uploads = _present(self._parts.uploads)
        transmission = _transmission(request)
        signed, signature, _ = await self._signed(request)
        identity = await self._threads.state(lambda: self._known(signed, signature))
        return _state(await self._threads.uploads(lambda: uploads.state(identity, transmission)))

    async def append(self, request: Request) -> Response:
        uploads = _present(self._parts.uploads)
        transmission = _transmission(request)
        signed, signature = read_signed(request.scope, covered=COVERED)
        text = signed.headers[0][1]
        if _OFFSET.fullmatch(text) is None:
            raise Refusal("bad_offset", "Upload-Offset não é um número", "Upload-Offset is not a number")
        identity = await self._threads.state(lambda: self._holder(signed, signature))
        chunk = await self._read(request, most_bytes=MAX_CHUNK_BYTES)

        def work() -> int:
            check_content(signed, chunk)
            return uploads.append(identity, transmission, int(text), chunk, signed.content_sha256)

        offset = await self._threads.uploads(work)
        return Response(status_code=204, headers={OFFSET_HEADER: str(offset)})

    async def keys(self, request: Request) -> Response:
        signed, signature, body = await self._signed(request)
        parts = self._parts

        def work() -> bytes:
            message = from_json(KeyRequest, body)
            at = parts.clock.now()
            with parts.database.write() as connection:
                identity = authenticate(connection, signed, signature, at=at)
                return to_json(agents.rotate_key(connection, identity, message, at=at))

        return _json(await self._threads.state(work))

    async def bundle(self, request: Request) -> Response:
        folder = _present(self._parts.bundles_folder)
        signed, signature = read_signed(request.scope)
        identity = await self._threads.state(lambda: self._known(signed, signature))
        content = await self._read(request, most_bytes=MAX_BUNDLE_BYTES)
        clock = self._parts.clock

        def work() -> None:
            check_content(signed, content)
            bundle = bundles.keep(folder, identity.site, content, at=clock.now())
            with self._parts.database.write() as connection:
                facts.record(
                    connection,
                    site=identity.site,
                    agent=identity.agent,
                    code=fact_codes.HUB_BUNDLE_RECEIVED,
                    at=clock.now(),
                    evidence={"bundle": bundle},
                )

        await self._threads.uploads(work)
        return Response(status_code=204)

    async def updates(self, request: Request) -> Response:
        name, folder = request.path_params["name"], self._parts.updates_folder

        def work() -> Response:
            if name == FIRST_ROOT and (root := first_root(folder, signer=self._parts.signer)) is not None:
                return _json(to_json(root))
            return update_file(folder, name)

        return await self._threads.uploads(work)

    async def health(self, _request: Request) -> Response:
        return _json(b'{"status":"ok"}')

    async def _signed(self, request: Request) -> tuple[Signed, str, bytes]:
        signed, signature = read_signed(request.scope)
        body = await self._read(request)
        check_content(signed, body)
        return signed, signature, body

    async def _read(self, request: Request, *, most_bytes: int = 0) -> bytes:
        if most_bytes:
            return await read_bounded(request.scope, request.receive, self._parts.settings, most_bytes=most_bytes)
        return await read_bounded(request.scope, request.receive, self._parts.settings)

    def _known(self, signed: Signed, signature: str) -> AgentIdentity:
        with self._parts.database.write() as connection:
            return authenticate(connection, signed, signature, at=self._parts.clock.now())

    def _holder(self, signed: Signed, signature: str) -> AgentIdentity:
        """The agent, whose site holds a slot where admission is on. Refusal `slot_needed`."""
        admission, at = self._parts.admission, self._parts.clock.now()
        with self._parts.database.write() as connection:
            identity = authenticate(connection, signed, signature, at=at)
            is_held = admission is None or admission.holds(connection, identity.site)
        if not is_held:
            raise Refusal(
                SLOT_NEEDED,
                "este envio não tem vez agora; o agente pede outra sozinho",
                "the site holds no slot; ask for one and go on",
                status=429,
                retry_after_seconds=SLOT_NEEDED_SECONDS,
            )
        return identity


def _present(part: Part | None) -> Part:
    if part is None:
        raise Refusal(
            "hub_part_missing",
            "este hub ainda não faz isto; tente mais tarde",
            "this hub does not do that yet; try later",
            status=503,
            retry_after_seconds=300,
        )
    return part


def _transmission(request: Request) -> str:
    transmission: str = request.path_params["transmission"]
    if _ID.fullmatch(transmission) is None:
        raise Refusal("unknown_transmission", "este envio não existe", "there is no such transmission", status=404)
    return transmission


def _state(state: TransmissionState) -> Response:
    return Response(to_json(state), headers={OFFSET_HEADER: str(state.offset)}, media_type="application/json")


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")
