"""The hub of the demo: the project's own parts behind both doors, on free ports of loopback.

Invariant: keys are made for the one demo; the hub has stopped and its project is closed when the `with` has ended.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa

from afluente.core.errors import AfluenteError
from afluente.demo.leaping_clock import LeapingClock
from afluente.fleet import documents, enrolment, sites
from afluente.fleet.diagnosis.pulse import HubPulse
from afluente.fleet.documents import HubSigner, new_signing_key
from afluente.fleet.rollout_desk import RolloutDesk
from afluente.fleet.rollout_gate import GateRule
from afluente.fleet.sites import NewSite
from afluente.fleet.update_keys import UpdateKeys
from afluente.fleet.updates import UpdateRepository, updates_folder
from afluente.hub.project_hub import project_parts
from afluente.hub.serve import HubServer
from afluente.hub.settings import HubSettings
from afluente.project.load import load_project
from afluente.runs.steps.workspace import Workspace
from afluente.state.database import Database
from afluente.state.fleet_schema import TRANSMISSIONS
from afluente.state.secret import Secret
from afluente_agent.protocol.messages import SignedDocument

BY = "demo"
BACKGROUND = ("loading", "bronze", "settling", "retention")
"""What the hub does by itself; the demo asks for diagnosis and rollouts at the moments that it tells of."""
HEARTBEAT_SECONDS = 1
UPDATE_KEYS = (("RAIZ_1", "RAIZ_2"), ("ALVOS",), ("RETRATO",), ("HORA",))
"""The variables of afluente.yaml by role: root, targets, snapshot, timestamp."""
PATIENCE_SECONDS = 300.0
TOKEN_DAYS = 7
GATE = GateRule(least_healthy=2, least_healthy_share=1.0, least_offered_share=0.05, soak_seconds=0)
"""Two agents of each ring run as processes; the others of the second ring are not asked."""


@dataclass(frozen=True, slots=True)
class HubWorld:
    """A hub that answers."""

    project: Path
    workspace: Workspace
    database: Database
    clock: LeapingClock
    signer: HubSigner
    server: HubServer
    repository: UpdateRepository
    desk: RolloutDesk
    pulse: HubPulse

    @property
    def address(self) -> str:
        return self.server.agents_address

    def publish(self, catalogue: Mapping[str, object]) -> SignedDocument:
        """Sign and publish the catalogue and the configuration."""
        at = self.clock.now()
        with self.database.write() as connection:
            documents.publish(
                connection,
                kind="configuration",
                name="default",
                content={"heartbeat_seconds": 900},
                by=BY,
                at=at,
                signer=self.signer,
            )
            return documents.publish(
                connection,
                kind="catalogue",
                name="default",
                content=catalogue,  # type: ignore[arg-type]
                by=BY,
                at=at,
                signer=self.signer,
            )

    def invite(self, wanted: list[NewSite]) -> dict[str, str]:
        """Make the sites and a one-off token for each."""
        at = self.clock.now()
        with self.database.write() as connection:
            sites.register(connection, wanted, by=BY, at=at)
            names = [site.id for site in wanted]
            return dict(enrolment.create_tokens(connection, names, by=BY, at=at, days=TOKEN_DAYS))

    def states(self) -> dict[str, int]:
        """How many transmissions stand how."""
        query = sa.select(TRANSMISSIONS.c.state, sa.func.count()).group_by(TRANSMISSIONS.c.state)
        with self.database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def until_loaded(self, expected: int) -> None:
        """Wait until so many transmissions are loaded, or one was refused."""
        ends = time.monotonic() + PATIENCE_SECONDS
        while (states := self.states()).get("loaded", 0) < expected and not states.get("refused"):
            if time.monotonic() > ends:
                raise AfluenteError("demo.slow", f"{states.get('loaded', 0)} of {expected} transmissions were loaded")
            time.sleep(0.2)


@contextmanager
def open_hub(project: Path, *, clock: LeapingClock, central: str) -> Iterator[HubWorld]:
    """Serve the hub of a copied project over a central database."""
    update_keys = {name: new_signing_key() for names in UPDATE_KEYS for name in names}
    environment = {
        "HUB_CHAVE_ASSINATURA": new_signing_key(),
        "HUB_CHAVE_POUSO": base64.b64encode(secrets.token_bytes(32)).decode(),
        "HUB_CHAVE_PSEUDONIMOS": base64.b64encode(secrets.token_bytes(32)).decode(),
        "CENTRAL_DSN": central,
        **{f"ATUALIZACAO_{name}": key for name, key in update_keys.items()},
    }
    loaded = load_project(project, environment=environment, typed_in=project)
    with Workspace(loaded, environment=environment, clock=clock) as workspace:
        parts = project_parts(workspace)
        keys = UpdateKeys(*([Secret(update_keys[name]) for name in names] for names in UPDATE_KEYS))
        repository = UpdateRepository(updates_folder(workspace.folder), keys, clock)
        repository.create()
        desk = RolloutDesk(parts.database, clock, repository, gate=GATE, rings=parts.rings)
        made = replace(
            parts,
            rollouts=desk,
            settings=HubSettings(heartbeat_seconds=HEARTBEAT_SECONDS),
            background=tuple(one for one in parts.background if one.name in BACKGROUND),
        )
        server = HubServer(made, agents_port=0, operators_port=0)
        server.start()
        try:
            pulse = HubPulse(parts.database, clock)
            yield HubWorld(project, workspace, parts.database, clock, parts.signer, server, repository, desk, pulse)
        finally:
            server.stop()
