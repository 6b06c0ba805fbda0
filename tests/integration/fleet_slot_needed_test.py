"""The agents' door takes a chunk from the holder of a slot only; an agent whose slot ended asks again and goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from afluente_agent.client import HubClient
from afluente_agent.enrol import enrol
from afluente_agent.identity import IdentityStore
from afluente_agent.protocol.messages import SlotAnswer, SlotRequest, TransmissionStart, from_json, to_json
from afluente_agent.settings import DataFolder, SettingsStore
from afluente_agent.upload import Pace, Sent, send
from tests.fleet_world.hub_world import HubWorld, hub
from tests.fleet_world.signing_agent import machine
from tests.fleet_world.spool_world import open_spool, packed_list, put
from tests.fleet_world.upload_world import LANDING_KEY, landed_bytes, random_id

from afluente.core.clock import SetClock
from afluente.fleet.admission import Admission, AdmissionSettings
from afluente.fleet.landing import LandingStore
from afluente.fleet.landing_key import LandingKeys
from afluente.fleet.slots import SlotSettings
from afluente.fleet.uploads import UploadLimits, Uploads
from afluente.fleet.window import WindowSettings
from afluente.state.database import Database
from afluente.state.fleet_schema import SLOTS, TRANSMISSIONS

CHUNK = b"x" * 2**20
LIMIT = 3
SLOT_SECONDS = 100
ROWS = 3000
PACKED = packed_list(ROWS)


@pytest.fixture
def clock() -> SetClock:
    return SetClock(datetime(2026, 9, 1, 11, tzinfo=UTC))


@pytest.fixture
def world(database: Database, tmp_path: Path, clock: SetClock) -> Iterator[HubWorld]:
    limits = UploadLimits(least_free_bytes=0)
    uploads = Uploads(database, LandingStore(tmp_path / "landing", LandingKeys(LANDING_KEY)), clock, limits=limits)
    settings = AdmissionSettings(WindowSettings(first=LIMIT), SlotSettings(slot_seconds=SLOT_SECONDS))
    admission = Admission(database, clock, settings, chance=lambda: 0.5)
    with hub(database, tmp_path, clock=clock, uploads=uploads, admission=admission) as made:
        yield made


def announced(size: int) -> TransmissionStart:
    return TransmissionStart(
        random_id(), "hypertension", "full", "", 3, size, "0" * 64, 1, "ab12", ("a", "b"), 1_788_000_000
    )


def offsets(world: HubWorld) -> list[int]:
    with world.database.read() as connection:
        return sorted(connection.execute(sa.select(TRANSMISSIONS.c.offset)).scalars())


def test_an_agent_that_ignores_slots_gets_nothing_in(world: HubWorld, clock: SetClock, tmp_path: Path) -> None:
    agent, start = world.enrol(), announced(4 * len(CHUNK))
    world.call(agent, "POST", "/v1/transmissions", to_json(start))
    target, covered = f"/v1/transmissions/{start.id}", (("upload-offset", "0"),)
    for _ in range(5):
        refused = world.call(agent, "PATCH", target, CHUNK, covered=covered)
        assert (refused.status_code, refused.json()["code"]) == (429, "slot_needed")
        assert int(refused.headers["Retry-After"]) >= 1
    assert offsets(world) == [0]
    assert sum(file.stat().st_size for file in (tmp_path / "landing").rglob("*") if file.is_file()) == 0
    world.call(agent, "POST", "/v1/slot", to_json(SlotRequest(1, 1, 0)))
    assert world.call(agent, "PATCH", target, CHUNK, covered=covered).headers["Upload-Offset"] == str(len(CHUNK))
    clock.advance(seconds=SLOT_SECONDS)
    lapsed = world.call(agent, "PATCH", target, CHUNK, covered=(("upload-offset", str(len(CHUNK))),))
    assert lapsed.json()["code"] == "slot_needed"
    assert offsets(world) == [len(CHUNK)]


def test_a_slot_of_one_site_opens_the_door_to_no_other(world: HubWorld) -> None:
    agent, other = world.enrol("a"), world.enrol("b", machine("b", install="b"))
    world.call(agent, "POST", "/v1/slot", to_json(SlotRequest(1, 1, 0)))
    start = announced(len(CHUNK))
    world.call(other, "POST", "/v1/transmissions", to_json(start))
    refused = world.call(other, "PATCH", f"/v1/transmissions/{start.id}", CHUNK, covered=(("upload-offset", "0"),))
    assert refused.json()["code"] == "slot_needed"


def test_however_many_rush_landing_takes_from_as_many_as_have_slots(world: HubWorld) -> None:
    agents = [world.enrol(f"s{number}", machine(f"m{number}", install=f"i{number}")) for number in range(12)]

    def rush(number: int) -> int:
        agent, start = agents[number], announced(2 * len(CHUNK))
        world.call(agent, "POST", "/v1/transmissions", to_json(start))
        if number % 2:
            answer = world.call(agent, "POST", "/v1/slot", to_json(SlotRequest(1, 1, 0)))
            from_json(SlotAnswer, answer.content)
        target = f"/v1/transmissions/{start.id}"
        return world.call(agent, "PATCH", target, CHUNK, covered=(("upload-offset", "0"),)).status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(rush, range(len(agents))))
    assert sorted(statuses) == [204] * LIMIT + [429] * (len(agents) - LIMIT)
    assert sum(offsets(world)) == LIMIT * len(CHUNK)


class Site:
    """The agent's own sending, whose line is so slow that time passes by it. It does not see its slot end."""

    def __init__(self, world: HubWorld, clock: SetClock, folder: Path) -> None:
        self.world, self.clock, self.data = world, clock, DataFolder(folder / "agent")
        self.spool_folder = folder
        enrol(self.data, hub=world.server.agents_address, token=world.token(), now=self.now, proxy="none")
        self.slots: set[str] = set()
        put(open_spool(folder), PACKED, ROWS)

    def now(self) -> float:
        return self.clock.now().timestamp()

    def send(self, sleep: Callable[[float], None]) -> Sent:
        """As a process that was just started does."""
        settings, identity = SettingsStore(self.data).load(), IdentityStore(self.data.identity).load()
        pace = Pace(lambda: 0, self.now, sleep, chunk_bytes=8192, most_bytes_per_second=len(PACKED) // 300)
        with HubClient(settings, identity, now=self.now) as client:
            return send(open_spool(self.spool_folder), client, pace)

    def pass_time(self, seconds: float) -> None:
        with self.world.database.read() as connection:
            self.slots.update(connection.execute(sa.select(SLOTS.c.id)).scalars())
        self.clock.advance(seconds=seconds)

    def landed(self) -> list[bytes]:
        return [content for _, content in landed_bytes(self.world.database, self.spool_folder / "landing")]


def test_an_agent_whose_slot_ended_asks_for_another_and_goes_on(
    world: HubWorld, clock: SetClock, tmp_path: Path
) -> None:
    site = Site(world, clock, tmp_path)
    sent = site.send(site.pass_time)
    assert (sent.failure, sent.transmissions, sent.size_bytes) == (None, 1, len(PACKED))
    assert site.landed() == [PACKED]
    assert len(site.slots) >= 2


def test_an_agent_that_died_in_its_slot_asks_again_and_goes_on(
    world: HubWorld, clock: SetClock, tmp_path: Path
) -> None:
    site, ends = Site(world, clock, tmp_path), clock.now().timestamp() + 80

    def dies(seconds: float) -> None:
        site.pass_time(seconds)
        if site.now() > ends:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        site.send(dies)
    [stood] = offsets(world)
    assert 0 < stood < len(PACKED)
    clock.advance(seconds=3600)
    sent = site.send(site.pass_time)
    assert (sent.transmissions, sent.size_bytes) == (1, len(PACKED) - stood)
    assert site.landed() == [PACKED]


def test_slots_that_open_no_door_are_not_asked_for_without_end(
    database: Database, tmp_path: Path, clock: SetClock
) -> None:
    class Forgetful(Admission):
        def holds(self, connection: sa.Connection, site: str) -> bool:
            return False

    uploads = Uploads(database, LandingStore(tmp_path / "landing", LandingKeys(LANDING_KEY)), clock)
    with hub(database, tmp_path, clock=clock, uploads=uploads, admission=Forgetful(database, clock)) as made:
        sent = Site(made, clock, tmp_path).send(lambda seconds: clock.advance(seconds=seconds))
    assert (sent.failure, sent.transmissions, sent.reason) == (None, 0, "slot_needed")
    assert sent.retry_after_seconds > 0
