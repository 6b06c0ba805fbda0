from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from afluente_agent.client import HubClient
from afluente_agent.errors import ExtractionError, RefusedError, SpoolError
from afluente_agent.identity import IdentityStore
from afluente_agent.key_rotation import rotate
from afluente_agent.loop import Loop
from afluente_agent.parts import Extraction, Parts, Sending
from afluente_agent.protocol.messages import Remedy, SignedDocument, Spool
from afluente_agent.settings import DataFolder, Settings, SettingsStore
from tests.unit.agent.core.small_hub import SmallHub


@dataclass
class World:
    """The parts of an agent without PEC, and its clocks."""

    skew: float = 0.0
    steady: float = 0.0
    extracted: list[tuple[str, bool]] = field(default_factory=list)
    sent: int = 0
    waiting_segments: int = 0
    orders: list[int] = field(default_factory=list)
    sending: Sending = field(default_factory=lambda: Sending(transmissions=1, size_bytes=10))
    extraction_error: ExtractionError | None = None
    crash: bool = False
    reading_hours: int = 0
    looks: list[float] = field(default_factory=list)

    def parts(self, folder: DataFolder, *, leave, clock) -> Parts:
        return Parts(
            extract=self._extract,
            send=self._send,
            waiting=lambda: Spool(100, self.waiting_segments, 0, 0, 10**9),
            update=self._update,
            update_status=lambda: "",
            roll_back=lambda version: f"asked {version}",
            diagnose=self._diagnose,
            alive=lambda: None,
            reached_hub=lambda: None,
        )

    def _extract(
        self, settings: Settings, *, meanwhile: Callable[[], None], only: str = "", is_full: bool = False
    ) -> Extraction:
        for _ in range(self.reading_hours * 60):
            self.steady += 60
            meanwhile()
        if self.crash:
            raise RuntimeError("a bug")
        if self.extraction_error is not None:
            raise self.extraction_error
        self.extracted.append((only, is_full))
        self.waiting_segments = 1
        return Extraction(1, 5, "5.3.28")

    def _send(self, settings: Settings, client: HubClient) -> Sending:
        self.sent += 1
        if self.sending.transmissions:
            self.waiting_segments = 0
        return self.sending

    def _diagnose(self, settings: Settings) -> tuple[str, ...]:
        self.looks.append(self.steady)
        return ("disk.low",)

    def _update(self, settings: Settings, client: HubClient, order: SignedDocument) -> bool:
        self.orders.append(order.version)
        return True

    def now(self) -> float:
        return time.time() + self.skew + self.steady


@pytest.fixture
def world() -> World:
    return World()


def loop_of(folder: DataFolder, world: World) -> Loop:
    return Loop(folder, world.parts, now=world.now, steady=lambda: world.steady, dice=lambda: 0.5)


def heartbeats(hub: SmallHub) -> list[tuple[int, list[str]]]:
    return [(beat.sequence, [fact.code for fact in beat.facts]) for beat in hub.heartbeats]


def codes(hub: SmallHub) -> list[str]:
    return [fact.code for beat in hub.heartbeats for fact in beat.facts]


def give_catalogue(hub: SmallHub) -> None:
    hub.catalogue = hub.sign("catalogue", 2, name="default", lists=[])


def test_the_day_goes_by_itself(hub: SmallHub, enrolled: DataFolder, world: World) -> None:
    give_catalogue(hub)
    hub.now = world.now
    loop = loop_of(enrolled, world)
    for _ in range(60):
        world.steady += loop.tick() + 5
    loop.client.close()
    assert world.extracted == [("", False)]
    assert world.sent == 1
    assert [beat.sequence for beat in hub.heartbeats] == list(range(1, len(hub.heartbeats) + 1))
    assert {"reading.done", "send.done"} <= set(codes(hub))
    assert hub.heartbeats[-1].pec_version == "5.3.28"
    assert hub.heartbeats[-1].catalogue_version == 2
    world.steady += 24 * 3600
    hub.now = world.now
    loop = loop_of(enrolled, world)
    loop.tick()
    loop.client.close()
    assert len(world.extracted) == 2


def test_heartbeats_go_out_while_a_slow_pec_is_read_for_hours(
    hub: SmallHub, enrolled: DataFolder, world: World
) -> None:
    give_catalogue(hub)
    hub.now = world.now
    world.reading_hours = 3
    loop = loop_of(enrolled, world)
    loop.tick()
    told = [beat.sequence for beat in hub.heartbeats]
    loop.client.close()
    assert told == list(range(1, len(told) + 1))
    assert 12 <= len(told) <= 20
    assert world.extracted == [("", False)]


def test_what_the_hub_asks_for_during_a_reading_is_done_after_it(
    hub: SmallHub, enrolled: DataFolder, world: World
) -> None:
    give_catalogue(hub)
    hub.now = world.now
    world.reading_hours = 1
    loop = loop_of(enrolled, world)
    loop.timers.heartbeat.due, loop.timers.doctor.due = 300, 1e9
    hub.remedies = (Remedy("r1", "diagnose"),)
    loop.store.update(catalogue_version=2)
    loop.tick()
    assert (len(world.extracted), world.looks) == (1, [])
    loop.tick()
    loop.client.close()
    assert len(world.looks) == 1


def test_sending_for_hours_lets_the_others_have_their_turn(hub: SmallHub, enrolled: DataFolder, world: World) -> None:
    hub.now = world.now
    world.waiting_segments, world.sending = 1, Sending(has_more=True)
    loop = loop_of(enrolled, world)
    for _ in range(24):
        loop.tick()
        world.steady += 300
    loop.client.close()
    assert world.sent == 24
    assert len(hub.heartbeats) >= 7


@pytest.mark.parametrize(
    ("code", "fact"),
    [
        ("content_mismatch", "net.tls_intercepted"),
        ("two_lengths", "net.tls_intercepted"),
        ("transmission.list", "send.refused"),
    ],
)
def test_what_a_box_on_the_way_changed_is_no_fault_of_ours(
    hub: SmallHub, enrolled: DataFolder, world: World, code: str, fact: str
) -> None:
    hub.now = world.now
    world.waiting_segments, world.sending = 1, Sending(failure=RefusedError(code, "", "", status=400))
    loop = loop_of(enrolled, world)
    loop.tick()
    world.steady += 1000
    loop.tick()
    loop.client.close()
    assert fact in codes(hub)
    assert (fact == "send.refused") == ("send.refused" in codes(hub))


@pytest.mark.parametrize("skew", [2 * 365 * 86400, -3 * 3600])
def test_a_clock_that_is_off_stops_nothing_and_moves_no_fact(
    hub: SmallHub, enrolled: DataFolder, world: World, skew: int
) -> None:
    give_catalogue(hub)
    world.skew = skew
    loop = loop_of(enrolled, world)
    loop._leave("early")
    for _ in range(4):
        loop.tick()
        loop.timers.heartbeat.due = 0
    loop.client.close()
    assert world.extracted == [("", False)]
    facts = [fact for beat in hub.heartbeats for fact in beat.facts]
    assert {"early", "clock.offset"} <= {fact.code for fact in facts}
    assert all(abs(fact.at - time.time()) < 120 for fact in facts)
    assert SettingsStore(enrolled).load().clock_offset_seconds == pytest.approx(-skew, abs=60)


def test_a_lost_answer_tells_the_facts_again_and_they_are_the_same(
    hub: SmallHub, enrolled: DataFolder, world: World
) -> None:
    loop = loop_of(enrolled, world)
    loop.tick()
    loop._leave("seen", n=1)
    hub.drop_answers = ["/v1/heartbeat"]
    loop.timers.heartbeat.due = 0
    loop.tick()
    loop.timers.heartbeat.due = 0
    loop.tick()
    loop.client.close()
    told = [[fact for fact in beat.facts if fact.code == "seen"] for beat in hub.heartbeats]
    assert told[1] == told[2] != []
    assert [beat.sequence for beat in hub.heartbeats] == [1, 2, 3]


def test_facts_wait_for_the_hub_and_say_why_it_was_silent(hub: SmallHub, enrolled: DataFolder, world: World) -> None:
    url = SettingsStore(enrolled).load().hub
    SettingsStore(enrolled).update(hub="http://hub.invalid")
    loop = loop_of(enrolled, world)
    for _ in range(5):
        world.steady += 3600
        loop.tick()
    loop.client.close()
    SettingsStore(enrolled).update(hub=url)
    loop = loop_of(enrolled, world)
    for _ in range(2):
        loop.timers.heartbeat.due = 0
        loop.tick()
    loop.client.close()
    assert codes(hub).count("net.dns") == 5


def test_a_part_that_fails_puts_off_itself_alone(hub: SmallHub, enrolled: DataFolder, world: World) -> None:
    give_catalogue(hub)
    world.extraction_error = ExtractionError("query.timeout", "", "")
    loop = loop_of(enrolled, world)
    loop.tick()
    loop.tick()
    assert loop.timers.reading.failures == 1
    assert loop.timers.reading.due > 60
    assert loop.timers.heartbeat.failures == 0
    world.extraction_error, world.crash = None, True
    world.steady = loop.timers.reading.due
    loop.tick()
    assert loop.timers.reading.failures == 2
    world.crash = False
    world.steady = loop.timers.reading.due
    loop.timers.heartbeat.due = world.steady
    loop.tick()
    loop.client.close()
    assert (loop.timers.reading.failures, len(world.extracted)) == (0, 1)
    assert {"query.timeout", "service.crashed"} <= set(codes(hub))


def test_a_suspended_agent_keeps_its_key_and_asks_again(hub: SmallHub, enrolled: DataFolder, world: World) -> None:
    before = (enrolled.identity / "current.json").read_bytes()
    hub.suspended = True
    loop = loop_of(enrolled, world)
    loop.tick()
    assert loop.timers.heartbeat.due > 600
    hub.suspended = False
    world.steady = loop.timers.heartbeat.due
    loop.tick()
    loop.timers.heartbeat.due = 0
    loop.tick()
    loop.client.close()
    assert (enrolled.identity / "current.json").read_bytes() == before
    assert {"identity.refused", "net.restored"} <= set(codes(hub))


def test_the_wait_the_hub_asks_for_is_kept(hub: SmallHub, enrolled: DataFolder, world: World) -> None:
    world.waiting_segments, world.sending = 1, Sending(retry_after_seconds=1000, reason="busy")
    loop = loop_of(enrolled, world)
    loop.tick()
    assert 900 < loop.timers.sending.due < 1100
    hub.override = lambda _method, _path: (503, {"Retry-After": "700"}, b"")
    loop.timers.heartbeat.due = 0
    loop.tick()
    loop.client.close()
    assert loop.timers.heartbeat.due >= 700


def test_lists_the_hub_lost_are_read_whole(hub: SmallHub, enrolled: DataFolder, world: World) -> None:
    world.waiting_segments = 1
    world.sending = Sending(transmissions=1, size_bytes=1, lists_to_read_whole=("gestantes",))
    loop = loop_of(enrolled, world)
    loop.tick()
    loop.client.close()
    assert world.extracted == [("gestantes", True)]


def test_sending_that_fails_is_told_by_its_code(hub: SmallHub, enrolled: DataFolder, world: World) -> None:
    world.waiting_segments, world.sending = 1, Sending(failure=SpoolError("spool.broken", "", ""))
    loop = loop_of(enrolled, world)
    loop.tick()
    loop.timers.heartbeat.due = 0
    loop.tick()
    loop.client.close()
    assert "send.failed" in codes(hub)


def test_a_machine_that_was_off_says_so_and_makes_up_for_it(hub: SmallHub, enrolled: DataFolder, world: World) -> None:
    give_catalogue(hub)
    loop = loop_of(enrolled, world)
    stop = threading.Event()
    loop._alive.begin()
    loop.tick()
    world.steady += 30 * 3600
    hub.now = world.now
    loop.client.close()
    loop = loop_of(enrolled, world)
    loop._alive.begin()
    loop.tick()
    loop.timers.heartbeat.due = 0
    loop.tick()
    stop.set()
    loop.run(stop)
    assert codes(hub).count("power.off") == 1
    assert len(world.extracted) == 2


def test_a_service_that_was_stopped_was_not_off(hub: SmallHub, enrolled: DataFolder, world: World) -> None:
    stop = threading.Event()
    loop = loop_of(enrolled, world)
    loop.tick()
    stop.set()
    loop.run(stop)
    world.steady += 30 * 3600
    hub.now = world.now
    loop = loop_of(enrolled, world)
    loop._alive.begin()
    for _ in range(3):
        loop.timers.heartbeat.due = 0
        loop.tick()
    loop.client.close()
    assert "power.off" not in codes(hub)
    assert {"service.started", "service.stopped_cleanly"} <= set(codes(hub))


def test_remedies_are_carried_out_once_and_told_until_heard(hub: SmallHub, enrolled: DataFolder, world: World) -> None:
    hub.remedies = (
        Remedy("r1", "resend", {"list": "gestantes"}),
        Remedy("r2", "change_schedule", {"send_at": "06:30", "heartbeat_seconds": "600"}),
        Remedy("r3", "change_schedule", {"send_at": "25:00"}),
        Remedy("r4", "diagnose"),
        Remedy("r5", "rotate_key"),
        Remedy("r6", "roll_back", {"version": "0.1.0"}),
        Remedy("r7", "update", {"command": "rm -rf"}),
    )
    old = IdentityStore(enrolled.identity).load()
    loop = loop_of(enrolled, world)
    for _ in range(3):
        loop.timers.heartbeat.due = 0
        loop.tick()
    hub.drop_answers = ["/v1/heartbeat"]
    loop.timers.heartbeat.due = 0
    loop.tick()
    hub.remedies = ()
    loop.timers.heartbeat.due = 0
    loop.tick()
    loop.client.close()
    assert world.extracted == [("gestantes", True)]
    settings = SettingsStore(enrolled).load()
    assert (settings.send_at, settings.heartbeat_seconds) == ("06:30", 600)
    outcomes = {one.id: one.outcome for one in hub.heartbeats[1].remedies}
    assert outcomes == {
        "r1": "done",
        "r2": "done",
        "r3": "refused",
        "r4": "done",
        "r5": "done",
        "r6": "done",
        "r7": "refused",
    }
    assert IdentityStore(enrolled.identity).load().public_key != old.public_key
    assert {one.id for one in hub.heartbeats[-1].remedies} == set(outcomes)
    assert settings.untold_remedies == ()
    assert codes(hub).count("remedy.ended") == 7
    assert "identity.key_rotated" in codes(hub)


def test_a_rotation_that_was_cut_goes_on_with_the_same_new_key(hub: SmallHub, enrolled: DataFolder) -> None:
    identities, settings = IdentityStore(enrolled.identity), SettingsStore(enrolled).load()
    old = identities.load()
    hub.drop_answers = ["/v1/keys"]
    with HubClient(settings, old, now=time.time) as client:
        try:
            rotate(identities, client)
        except Exception:
            pass
        assert identities.load() == old
        assert identities.has_next()
        new = rotate(identities, client)
        assert client.request("POST", "/v1/anything").status == 200
    assert len(hub.keys) == 2
    assert identities.load() == new != old
    assert not identities.has_next()
    assert old.seed in (enrolled.identity / "old-1.json").read_text()


def test_documents_that_the_hub_did_not_sign_change_nothing(hub: SmallHub, enrolled: DataFolder, world: World) -> None:
    stranger = SmallHub()
    before = SettingsStore(enrolled).load()
    hub.configuration = stranger.sign("configuration", 9, heartbeat_seconds=60, hub_keys=[stranger.public_key])
    hub.catalogue = stranger.sign("catalogue", 9, name="default", lists=[])
    stranger.close()
    loop = loop_of(enrolled, world)
    for _ in range(2):
        loop.timers.heartbeat.due = 0
        loop.tick()
    loop.client.close()
    after = SettingsStore(enrolled).load()
    assert (after.configuration_version, after.catalogue_version, after.hub_keys) == (1, 0, before.hub_keys)
    assert "document.refused" in codes(hub)


def test_a_configuration_never_goes_back_and_is_bounded(hub: SmallHub, enrolled: DataFolder, world: World) -> None:
    hub.configuration = hub.sign("configuration", 5, heartbeat_seconds=1, chunk_bytes=10**12, send_at="99:99")
    loop = loop_of(enrolled, world)
    loop.tick()
    settings = SettingsStore(enrolled).load()
    assert (settings.heartbeat_seconds, settings.chunk_bytes, settings.send_at) == (60, 4 * 1024 * 1024, "")
    hub.configuration = hub.sign("configuration", 4, heartbeat_seconds=300)
    loop.timers.heartbeat.due = 0
    loop.tick()
    loop.client.close()
    assert SettingsStore(enrolled).load().heartbeat_seconds == 60


def test_a_full_day_of_nothing_costs_few_requests(hub: SmallHub, enrolled: DataFolder, world: World) -> None:
    hub.now = world.now
    loop = loop_of(enrolled, world)
    while world.steady < 6 * 3600:
        world.steady += max(loop.tick(), 45)
    loop.client.close()
    assert len(hub.heartbeats) <= 6 * 6 + 4


def test_the_doctor_looks_twice_a_day_and_when_a_reading_fails(
    hub: SmallHub, enrolled: DataFolder, world: World
) -> None:
    give_catalogue(hub)
    hub.now = world.now
    loop = loop_of(enrolled, world)
    loop.tick()
    assert world.looks == []
    while world.steady < 20 * 3600:
        loop.tick()
        world.steady += 300
    assert len(world.looks) == 2
    world.extraction_error = ExtractionError("query.timeout", "", "")
    SettingsStore(enrolled).update(last_extracted_at=1)
    for _ in range(30):
        loop.tick()
        world.steady += 30
    loop.client.close()
    assert len(world.looks) == 3


def test_an_order_to_update_ends_the_process_for_another_version(
    hub: SmallHub, enrolled: DataFolder, world: World
) -> None:
    hub.update = hub.sign("update", 7)
    loop = loop_of(enrolled, world)
    loop.tick()
    assert world.orders == [7]
    assert loop.must_restart
    stop = threading.Event()
    loop.run(stop)
    assert not stop.is_set()
