"""A hub with both doors on loopback, over a state database, with an operator of each role."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import sqlalchemy as sa
from afluente_agent.protocol.messages import (
    EnrolmentAnswer,
    Machine,
    SlotAnswer,
    SlotRequest,
    TransmissionStart,
    TransmissionState,
    from_json,
    to_json,
)
from tests.fleet_world.signing_agent import SigningAgent

from afluente.core.clock import Clock, SystemClock
from afluente.fleet import enrolment, operators, sites
from afluente.fleet.documents import HubSigner, new_signing_key
from afluente.fleet.identity import AgentIdentity
from afluente.fleet.refusal import Refusal
from afluente.hub.parts import HubParts
from afluente.hub.serve import HubServer
from afluente.hub.settings import HubSettings
from afluente.state.database import Database


@dataclass
class UploadsInMemory:
    """Uploads kept by (site, id), as the part of the hub that lands them behaves."""

    kept: dict[tuple[str, str], tuple[TransmissionStart, bytearray]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, identity: AgentIdentity, start: TransmissionStart) -> TransmissionState:
        with self.lock:
            self.kept.setdefault((identity.site, start.id), (start, bytearray()))
        return self.state(identity, start.id)

    def append(self, identity: AgentIdentity, transmission: str, offset: int, chunk: bytes, sha256: str) -> int:
        assert hashlib.sha256(chunk).hexdigest() == sha256
        with self.lock:
            _, content = self._of(identity, transmission)
            if offset != len(content):
                raise Refusal("wrong_offset", "outro ponto", "another offset", status=409, offset=len(content))
            content += chunk
            return len(content)

    def state(self, identity: AgentIdentity, transmission: str) -> TransmissionState:
        start, content = self._of(identity, transmission)
        return TransmissionState(
            transmission, "landed" if len(content) == start.size_bytes else "receiving", len(content)
        )

    def _of(self, identity: AgentIdentity, transmission: str) -> tuple[TransmissionStart, bytearray]:
        found = self.kept.get((identity.site, transmission))
        if found is None:
            raise Refusal("unknown_transmission", "não existe", "there is none", status=404)
        return found


class AdmissionInMemory:
    def __init__(self) -> None:
        self.released: list[str] = []

    def ask(self, identity: AgentIdentity, request: SlotRequest) -> SlotAnswer:
        return SlotAnswer(f"slot-{identity.site}", 0, 0, 0)

    def holds(self, connection: sa.Connection, site: str) -> bool:
        return True

    def release(self, slot: str) -> None:
        self.released.append(slot)


@dataclass
class HubWorld:
    parts: HubParts
    server: HubServer
    tokens: dict[str, str]
    client: httpx.Client

    @property
    def database(self) -> Database:
        return self.parts.database

    @property
    def hub_time(self) -> int:
        return int(self.parts.clock.now().timestamp())

    def token(self, site: str = "a") -> str:
        at = self.parts.clock.now()
        with self.database.write() as connection:
            sites.register(connection, [sites.NewSite(site, "3550308", "SP", f"Site {site}")], by="ana", at=at)
            return enrolment.create_tokens(connection, [site], by="ana", at=at, days=7)[0][1]

    def enrol(self, site: str = "a", of: Machine | None = None) -> SigningAgent:
        agent = SigningAgent()
        answered = self.client.post(
            f"{self.server.agents_address}/v1/enrol", content=to_json(agent.request(self.token(site), of))
        )
        assert answered.status_code == 200, answered.text
        answer = from_json(EnrolmentAnswer, answered.content)
        agent.agent, agent.key = answer.agent, answer.key
        return agent

    def call(
        self,
        agent: SigningAgent,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        covered: tuple[tuple[str, str], ...] = (),
        headers: dict[str, str] | None = None,
        at: int | None = None,
    ) -> httpx.Response:
        moment = self.hub_time if at is None else at
        signed = headers if headers is not None else agent.headers(method, target, body, at=moment, covered=covered)
        return self.client.request(method, self.server.agents_address + target, content=body, headers=signed)

    def operate(self, role: str, method: str, path: str, content: object = None) -> httpx.Response:
        return self.client.request(
            method,
            self.server.operators_address + path,
            json=content,
            headers={"Authorization": f"Bearer {self.tokens[role]}"},
        )


@contextmanager
def hub(
    database: Database,
    folder: Path,
    *,
    clock: Clock | None = None,
    settings: HubSettings | None = None,
    signer: HubSigner | None = None,
    **parts: object,
) -> Iterator[HubWorld]:
    """A hub that answers until the block ends."""
    clock = clock or SystemClock()
    made = HubParts(
        database=database,
        clock=clock,
        signer=signer or HubSigner.from_texts([new_signing_key()]),
        settings=settings or HubSettings(),
        uploads=UploadsInMemory(),
        admission=AdmissionInMemory(),
        updates_folder=folder / "updates",
        bundles_folder=folder / "bundles",
    )
    made = replace(made, **parts)
    tokens = {}
    with database.write() as connection:
        for role in operators.ROLES:
            tokens[role] = operators.create(connection, role, role, by="test", at=clock.now())
    server = HubServer(made, agents_port=0, operators_port=0)
    server.start()
    try:
        with httpx.Client(timeout=60) as client:
            yield HubWorld(made, server, tokens, client)
    finally:
        server.stop()
