"""A fleet of a few sites in a state database, on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from afluente_agent.protocol.messages import EnrolmentAnswer, Machine
from tests.fleet_world.signing_agent import SigningAgent

from afluente.core.clock import SetClock
from afluente.fleet import enrolment, sites
from afluente.fleet.documents import HubSigner, new_signing_key
from afluente.fleet.identity import AgentIdentity
from afluente.fleet.sites import NewSite
from afluente.state.database import Database

START = datetime(2026, 9, 1, 11, tzinfo=UTC)


@dataclass
class World:
    """The hub's side without HTTP. `hub_time` is the clock in whole seconds."""

    database: Database
    clock: SetClock = field(default_factory=lambda: SetClock(START))
    signer: HubSigner = field(default_factory=lambda: HubSigner.from_texts([new_signing_key()]))

    @property
    def hub_time(self) -> int:
        return int(self.clock.now().timestamp())

    def token(self, site: str = "a", *, days: float = 7) -> str:
        with self.database.write() as connection:
            sites.register(connection, [NewSite(site, "3550308", "SP", f"Site {site}")], by="ana", at=self.clock.now())
            [(_, token)] = enrolment.create_tokens(connection, [site], by="ana", at=self.clock.now(), days=days)
        return token

    def enrol(
        self, site: str = "a", of: Machine | None = None, *, agent: SigningAgent | None = None, token: str = ""
    ) -> tuple[SigningAgent, EnrolmentAnswer]:
        agent = agent or SigningAgent()
        token = token or self.token(site)
        with self.database.write() as connection:
            answer = enrolment.enrol(connection, agent.request(token, of), at=self.clock.now(), hub_signer=self.signer)
        agent.agent, agent.key = answer.agent, answer.key
        return agent, answer

    def identity(self, agent: SigningAgent, site: str = "a") -> AgentIdentity:
        return AgentIdentity(agent.agent, site, agent.key)


@pytest.fixture
def database(any_database: Database) -> Database:
    return any_database


@pytest.fixture
def world(database: Database) -> World:
    return World(database)
