"""An agent beside PEC and the hub it is enrolled at: fixtures, and what the tests of both ask of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import sqlalchemy as sa
from afluente_agent.default_parts import default_parts
from afluente_agent.enrol import enrol
from afluente_agent.loop import Loop
from afluente_agent.pec import PecAddress
from afluente_agent.settings import DataFolder, SettingsStore

from afluente.core.clock import SystemClock
from afluente.fleet import documents, enrolment, facts
from afluente.fleet.admission import Admission
from afluente.fleet.landing import LandingStore
from afluente.fleet.landing_key import LandingKeys
from afluente.fleet.uploads import Uploads
from afluente.state.database import Database
from afluente.state.fleet_schema import TRANSMISSIONS
from tests.fleet_world.hub_world import HubWorld, hub
from tests.fleet_world.upload_world import LANDING_KEY
from tests.unit.agent.extraction.conftest import as_owner, pec, pec_server, pec_template
from tests.unit.agent.extraction.lists import a_list

__all__ = ["as_owner", "pec", "pec_server", "pec_template"]


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[HubWorld]:
    clock = SystemClock()
    uploads = Uploads(database, LandingStore(tmp_path / "landing", LandingKeys(LANDING_KEY)), clock)
    with hub(database, tmp_path, uploads=uploads, admission=Admission(database, clock, chance=lambda: 0.5)) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "agent")


def enrol_at(world: HubWorld, folder: DataFolder, *, skew: float = 0, token: str = "", anew: bool = False):
    return enrol(
        folder,
        hub=world.server.agents_address,
        token=token or world.token(),
        now=lambda: time.time() + skew,
        proxy="none",
        is_anew=anew,
    )


def new_token(world: HubWorld, site: str = "a") -> str:
    at = world.parts.clock.now()
    with world.database.write() as connection:
        return enrolment.create_tokens(connection, [site], by="ana", at=at, days=7)[0][1]


class Steady:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def ticked(folder: DataFolder, *, times: int = 3, skew: float = 0) -> Loop:
    """A new process of the agent that beats a few times."""
    steady = Steady()
    loop = Loop(folder, default_parts, now=lambda: time.time() + skew, steady=steady)
    try:
        for _ in range(times):
            steady.seconds += 61
            loop.timers.heartbeat.due = loop.timers.sending.due = 0
            loop.tick()
    finally:
        loop.client.close()
    return loop


def told(world: HubWorld, site: str = "a") -> list[str]:
    with world.database.read() as connection:
        return [fact.code for fact in facts.of_site(connection, site)]


def publish_catalogue(world: HubWorld) -> None:
    query = json.loads(json.dumps(asdict(a_list())))
    with world.database.write() as connection:
        documents.publish(
            connection,
            kind="catalogue",
            name="default",
            content={"lists": [query]},
            by="ana",
            at=world.parts.clock.now(),
            signer=world.parts.signer,
        )


def enrol_beside(world: HubWorld, folder: DataFolder, pec: PecAddress, keeps: Path) -> None:
    """An agent enrolled on the machine of a PEC database, whose credentials lie in the folder `keeps`."""
    credentials = keeps / "credenciais.txt"
    credentials.write_text(f"usuario={pec.role}\nsenha={pec.password}\n")
    enrol_at(world, folder)
    SettingsStore(folder).update(
        pec_host=pec.host, pec_port=pec.port, pec_database=pec.database, pec_credentials=str(credentials)
    )


def transmissions(world: HubWorld) -> list[tuple[str, str, int, str]]:
    query = sa.select(
        TRANSMISSIONS.c.list_name, TRANSMISSIONS.c.kind, TRANSMISSIONS.c.rows, TRANSMISSIONS.c.state
    ).order_by(TRANSMISSIONS.c.started_at)
    with world.database.read() as connection:
        return [tuple(row) for row in connection.execute(query)]  # type: ignore[misc]
