"""The hub's receiving side with a few sites, and a door to it that a client reaches without a socket.

The door answers as the hub's does, and can lose requests and answers.
"""

from __future__ import annotations

import base64
import functools
import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
from afluente_agent.client import HubClient
from afluente_agent.identity import Identity
from afluente_agent.protocol.messages import (
    ErrorAnswer,
    MessageError,
    SlotAnswer,
    TransmissionStart,
    from_json,
    to_json,
)
from afluente_agent.settings import Settings
from afluente_agent.upload import Pace, Sent, send
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from afluente.core.clock import SetClock
from afluente.fleet import sites
from afluente.fleet.identity import AgentIdentity
from afluente.fleet.landing import LandingStore
from afluente.fleet.landing_key import LandingKeys
from afluente.fleet.refusal import Refusal
from afluente.fleet.sites import NewSite
from afluente.fleet.uploads import UploadLimits, Uploads
from afluente.state.database import Database, open_state

START = datetime(2026, 9, 1, 11, tzinfo=UTC)
SITE_A = AgentIdentity("agent-a", "a", "key-a")
SITE_B = AgentIdentity("agent-b", "b", "key-b")
LANDING_KEY = b"\x07" * 32


def register_sites(database: Database) -> None:
    new = [NewSite(site, "3550308", "SP", f"Site {site}") for site in ("a", "b")]
    with database.write() as connection:
        sites.register(connection, new, by="ana", at=START)


@functools.cache
def empty_state() -> bytes:
    """The file of a state database with the sites and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        with open_state("sqlite:///state.db", Path(folder)) as database:
            register_sites(database)
        return (Path(folder) / "state.db").read_bytes()


def new_uploads(database: Database, folder: Path, clock: SetClock, limits: UploadLimits | None = None) -> Uploads:
    """The uploads of one hub process."""
    return Uploads(database, LandingStore(folder, LandingKeys(LANDING_KEY)), clock, limits=limits)


@dataclass
class Clocks:
    """Time that passes only by sleeping."""

    at: float = START.timestamp()
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds

    def pace(self, **bounds: int) -> Pace:
        return Pace(now=self.now, monotonic=self.now, sleep=self.sleep, **bounds)


Fault = Callable[[httpx.Request], str]
"""What happens to a request: "" nothing, `lost` before the hub saw it, `unanswered` after, `twice`, or a status."""


@dataclass
class Door(httpx.BaseTransport):
    """`uploads` can be exchanged, as by a restart. `slot_seconds` is how long a slot lasts."""

    uploads: Uploads
    clock: Clocks
    identity: AgentIdentity = SITE_A
    fault: Fault = lambda _: ""
    slot: SlotAnswer | None = None
    slot_seconds: int = 10**6
    seconds_a_byte: float = 0.0
    seen: list[tuple[str, str, int]] = field(default_factory=list)
    released: list[str] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        fault = self.fault(request)
        if fault == "lost":
            raise httpx.ReadError("lost", request=request)
        if fault.isdecimal():
            headers = {"Retry-After": "7"} if fault in ("429", "503") else {}
            return self._refused(Refusal("busy", "ocupado", "busy", status=int(fault)), headers)
        answer = self._answer(request, body)
        if fault == "twice":
            self._answer(request, body)
        if fault == "unanswered":
            raise httpx.ReadTimeout("unanswered", request=request)
        return answer

    def _answer(self, request: httpx.Request, body: bytes) -> httpx.Response:
        path = request.url.path
        self.seen.append((request.method, path, len(body)))
        self.clock.at += len(body) * self.seconds_a_byte
        try:
            match request.method, path.removeprefix("/v1/").split("/"):
                case "POST", ["slot"]:
                    until = int(self.clock.at) + self.slot_seconds
                    return _json(self.slot or SlotAnswer("slot-1", until, 0, 0))
                case "DELETE", ["slot", slot]:
                    self.released.append(slot)
                    return httpx.Response(204, stream=httpx.ByteStream(b""))
                case "POST", ["transmissions"]:
                    return _json(self.uploads.start(self.identity, from_json(TransmissionStart, body)))
                case "GET", ["transmissions", transmission]:
                    return _json(self.uploads.state(self.identity, transmission))
                case "PATCH", ["transmissions", transmission]:
                    offset, digest = int(request.headers["upload-offset"]), request.headers["afluente-content-sha256"]
                    offset = self.uploads.append(self.identity, transmission, offset, body, digest)
                    return httpx.Response(204, headers={"Upload-Offset": str(offset)}, stream=httpx.ByteStream(b""))
                case _:
                    raise Refusal("not_found", "não há", "not here", status=404)
        except Refusal as refusal:
            return self._refused(refusal, {})
        except MessageError as error:
            return self._refused(Refusal("bad_message", "mensagem", str(error), status=400), {})

    def _refused(self, refusal: Refusal, headers: dict[str, str]) -> httpx.Response:
        if refusal.offset is not None:
            headers["Upload-Offset"] = str(refusal.offset)
        answer = ErrorAnswer(
            refusal.code, refusal.message_pt, refusal.message, int(self.clock.at), refusal.retry_after_seconds
        )
        return httpx.Response(refusal.status, headers=headers, stream=httpx.ByteStream(to_json(answer)))


def _json(message: object) -> httpx.Response:
    return httpx.Response(200, stream=httpx.ByteStream(to_json(message)))


def new_client(hub: str, clock: Clocks, transport: httpx.BaseTransport | None = None) -> HubClient:
    """The agent's own client, with a key of its own."""
    private = Ed25519PrivateKey.generate()
    seed = base64.b64encode(private.private_bytes_raw()).decode()
    public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    identity = Identity("agent-a", "key-a", public, seed)
    return HubClient(Settings(hub=hub, proxy="none"), identity, now=clock.now, transport=transport)


def send_all(spool: object, door: Door, **bounds: int) -> Sent:
    with new_client("http://hub.local", door.clock, door) as client:
        return send(spool, client, door.clock.pace(**bounds))  # type: ignore[arg-type]


def landed_bytes(database: Database, folder: Path) -> Iterator[tuple[str, bytes]]:
    """What has landed, by the state: each id with its bytes as they were sent."""
    import sqlalchemy as sa

    from afluente.state.fleet_schema import TRANSMISSIONS

    store = LandingStore(folder, LandingKeys(LANDING_KEY))
    with database.read() as connection:
        rows = connection.execute(sa.select(TRANSMISSIONS).where(TRANSMISSIONS.c.state == "landed")).all()
    for row in rows:
        with store.open(row.landed_path) as stream:
            yield row.id, stream.read()


def random_id() -> str:
    digits = secrets.token_hex(16)
    return f"{digits[:8]}-{digits[8:12]}-7{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"
