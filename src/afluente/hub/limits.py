"""Bounds that hold before anything of a request is parsed: bytes, time, requests at once.

Invariant: no more than the bound of a body is ever held, whatever its length header says or hides; a client that sends
too slowly is let go.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING

from afluente.fleet.refusal import Refusal
from afluente.hub.errors import as_refusal, refusal_response
from afluente_agent.protocol.limits import MAX_MESSAGE_BYTES
from afluente_agent.protocol.refusal_codes import TWO_LENGTHS

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from afluente.core.clock import Clock
    from afluente.hub.settings import HubSettings

LONGEST_TARGET = 2048


async def read_bounded(
    scope: Scope, receive: Receive, settings: HubSettings, *, most_bytes: int = MAX_MESSAGE_BYTES
) -> bytes:
    """The whole body of a request. Refusal with 413 when it is larger, 408 when it comes too slowly, 400 when cut."""
    declared = _declared(scope)
    if declared is not None and declared > most_bytes:
        raise _too_large()
    if any(name == b"content-encoding" for name, _ in scope["headers"]):
        raise Refusal(
            "content_encoding",
            "o hub não aceita corpo compactado pelo HTTP",
            "the hub takes no Content-Encoding",
            status=415,
        )
    parts: list[bytes] = []
    size = 0
    started = time.monotonic()
    while True:
        allowed = settings.patience_seconds + size / settings.least_bytes_per_second
        try:
            async with asyncio.timeout(max(0.01, started + allowed - time.monotonic())):
                message = await receive()
        except TimeoutError:
            raise Refusal(
                "too_slow",
                "o pedido chegou devagar demais; tente de novo",
                "the request came too slowly; try again",
                status=408,
            ) from None
        if message["type"] == "http.disconnect":
            raise Refusal("cut_short", "o pedido foi interrompido", "the request was cut short")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most_bytes:
            raise _too_large()
        if chunk:
            parts.append(chunk)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


class Bounds:
    """Refuses what is too much before the app sees it. With `is_buffering` the body is read and bounded here.

    `headers` are added to every answer that does not have them.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: HubSettings,
        clock: Clock,
        is_buffering: bool,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        self._app = app
        self._settings = settings
        self._clock = clock
        self._is_buffering = is_buffering
        self._headers = headers
        self._now_running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        if self._now_running >= self._settings.requests_at_once:
            refusal = Refusal(
                "hub_busy",
                "muitos pedidos ao mesmo tempo; tente de novo",
                "too many requests at once; try again",
                status=503,
                retry_after_seconds=5,
            )
            await refusal_response(refusal, self._clock)(scope, receive, send)
            return
        self._now_running += 1
        try:
            await self._bounded(scope, receive, send)
        finally:
            self._now_running -= 1

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_started = False

        async def watched(message: Message) -> None:
            nonlocal has_started
            if not has_started and message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                said = {name for name, _ in headers}
                message["headers"] = headers + [(name, value) for name, value in self._headers if name not in said]
            has_started = True
            await send(message)

        try:
            if len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST_TARGET:
                raise Refusal("target_too_long", "endereço longo demais", "the address is too long", status=414)
            if _has_two_lengths(scope):
                raise Refusal(
                    TWO_LENGTHS,
                    "o pedido diz o seu tamanho de dois modos; um proxy pode tê-lo alterado",
                    "the request has a length and comes in chunks too; a proxy may have changed it",
                )
            if self._is_buffering:
                receive = _replay(await read_bounded(scope, receive, self._settings), receive)
            await self._app(scope, receive, watched)
        except Exception as error:  # noqa: BLE001 - the request boundary answers whatever is left
            if has_started:
                return
            await refusal_response(as_refusal(error), self._clock)(scope, receive, watched)


def _replay(body: bytes, receive: Receive) -> Receive:
    is_given = False

    async def again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _has_two_lengths(scope: Scope) -> bool:
    """What one server takes for a body, another takes for the next request. Source: RFC 9112, section 6.3."""
    return {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}


def _declared(scope: Scope) -> int | None:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    if not lengths:
        return None
    if len(lengths) > 1 or re.fullmatch(rb"[0-9]{1,15}", lengths[0]) is None:
        raise Refusal("bad_request", "o tamanho do pedido está errado", "the request's length is wrong")
    return int(lengths[0])


def _too_large() -> Refusal:
    return Refusal("too_large", "o pedido é grande demais", "the request is too large", status=413)
