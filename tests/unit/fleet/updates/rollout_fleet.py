"""A fleet in rings that an update goes through: its agents enrolled, what they are offered and what they say."""

from __future__ import annotations

import json
from dataclasses import replace

from afluente_agent.protocol.messages import SignedDocument
from tests.fleet_world.signing_agent import SigningAgent, heartbeat, machine
from tests.unit.fleet.hub.conftest import World

from afluente.fleet import enrolment, rollout_offers, rollouts, sites
from afluente.fleet.identity import AgentIdentity
from afluente.fleet.rollout_gate import GateRule
from afluente.fleet.rollouts import Rollout
from afluente.fleet.sites import NewSite
from afluente.state.fleet_schema import AGENTS

GATE = GateRule(least_healthy=1, least_healthy_share=0.5, least_offered_share=1.0, soak_seconds=600)
ORDER = ("canary", "early", "all")


class Fleet:
    def __init__(self, world: World) -> None:
        self.world = world
        self.identities: dict[str, AgentIdentity] = {}

    def enrol(self, site: str, ring: str) -> None:
        at, agent = self.world.clock.now(), SigningAgent()
        with self.world.database.write() as connection:
            sites.register(connection, [NewSite(site, "3550308", "SP", site, ring=ring)], by="ana", at=at)
            [(_, token)] = enrolment.create_tokens(connection, [site], by="ana", at=at, days=1)
            of = machine(site, install=f"install-{site}", disk=f"disk-{site}")
            answer = enrolment.enrol(connection, agent.request(token, of), at=at, hub_signer=self.world.signer)
        self.identities[site] = AgentIdentity(answer.agent, site, answer.key)

    def start(self, version: str = "1.1.0", **options: object) -> Rollout:
        with self.world.database.write() as connection:
            given = {"order": ORDER, "gate": GATE, **options}
            return rollouts.start(connection, version, by="ana", reason="new", at=self.world.clock.now(), **given)

    def offered(self, site: str) -> SignedDocument | None:
        with self.world.database.write() as connection:
            return rollout_offers.offer(
                connection, self.identities[site], at=self.world.clock.now(), signer=self.world.signer
            )

    def order(self, site: str) -> tuple[str, str] | None:
        document = self.offered(site)
        if document is None:
            return None
        body = json.loads(document.body)
        return body["action"], body["version"]

    def says(self, site: str, status: str, *, version: str = "1.0.0") -> None:
        beat = replace(heartbeat(of=machine(site, version=version)), update_status=status)
        with self.world.database.write() as connection:
            connection.execute(
                AGENTS.update().where(AGENTS.c.id == self.identities[site].agent).values(agent_version=version)
            )
            rollout_offers.observe(connection, self.identities[site], beat, at=self.world.clock.now())

    def tend(self) -> str:
        with self.world.database.write() as connection:
            judged = rollouts.tend(connection, at=self.world.clock.now())
        return "" if judged is None else judged.decision

    def standing(self) -> Rollout:
        with self.world.database.read() as connection:
            found = rollouts.newest(connection)
        assert found is not None
        return found
