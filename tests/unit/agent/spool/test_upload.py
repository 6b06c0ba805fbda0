"""What waits is sent, from where the hub stands, and leaves the spool when the hub has it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from afluente_agent.protocol.messages import SlotAnswer
from afluente_agent.spool.bounds import SpoolLimits
from afluente_agent.spool.store import Spool
from afluente_agent.upload import MOST_FAILURES
from tests.fleet_world.spool_world import Facts, open_spool, packed_list, put
from tests.fleet_world.upload_world import (
    SITE_B,
    START,
    Clocks,
    Door,
    empty_state,
    landed_bytes,
    new_uploads,
    send_all,
)

from afluente.core.clock import SetClock
from afluente.state.database import Database, open_state
from afluente.state.fleet_schema import TRANSMISSIONS

ROWS = 3000
PACKED = packed_list(ROWS)
LIMITS = SpoolLimits(segment_bytes=1 << 16, record_bytes=1 << 12)


class Site:
    """An agent's spool and the hub's door."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.database = database
        self.facts = Facts()
        self.clock = Clocks()
        self.hub_clock = SetClock(START)
        self.spool: Spool = open_spool(folder, facts=self.facts, limits=LIMITS)
        self.door = Door(new_uploads(database, folder / "landing", self.hub_clock), self.clock)

    def landed(self) -> dict[str, bytes]:
        return dict(landed_bytes(self.database, self.folder / "landing"))

    def faults(self, method: str, *of: str) -> None:
        """The next requests of this method meet these faults, one after the other."""
        left = list(of)
        self.door.fault = lambda request: left.pop(0) if request.method == method and left else ""

    def sent(self, method: str) -> list[tuple[str, str, int]]:
        return [one for one in self.door.seen if one[0] == method]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "state.db").write_bytes(empty_state())
    with open_state("sqlite:///state.db", tmp_path) as database:
        yield Site(tmp_path, database)


def test_all_that_waits_is_sent_in_its_order_and_leaves_the_spool(site: Site) -> None:
    first = put(site.spool, PACKED, ROWS)
    second = put(site.spool, packed_list(5), 5, kind="delta", base=first.id)
    sent = send_all(site.spool, site.door)
    assert (sent.transmissions, sent.size_bytes, sent.failure) == (2, first.size_bytes + second.size_bytes, None)
    assert site.landed() == {first.id: PACKED, second.id: packed_list(5)}
    assert site.spool.waiting() == []
    assert list(site.spool.waiting_folder.iterdir()) == []
    assert site.door.released == ["slot-1"]


def test_an_empty_spool_asks_nothing(site: Site) -> None:
    assert send_all(site.spool, site.door).transmissions == 0
    assert site.door.seen == []


def test_without_a_slot_nothing_is_sent_and_the_wait_is_told(site: Site) -> None:
    put(site.spool, PACKED, ROWS)
    site.door.slot = SlotAnswer("", 0, 340, 0, "busy")
    sent = send_all(site.spool, site.door)
    assert (sent.retry_after_seconds, sent.reason, sent.transmissions) == (340, "busy", 0)
    assert [path for _, path, _ in site.door.seen] == ["/v1/slot"]


def test_a_lost_request_is_sent_again_and_a_lost_answer_repeats_no_byte(site: Site) -> None:
    start = put(site.spool, PACKED, ROWS)
    site.faults("PATCH", "lost", "unanswered")
    assert send_all(site.spool, site.door, chunk_bytes=65536).transmissions == 1
    assert site.landed() == {start.id: PACKED}
    assert sum(size for _, _, size in site.sent("PATCH")) == len(PACKED)


@pytest.mark.parametrize("method", ["POST", "PATCH", "GET", "DELETE"])
@pytest.mark.parametrize("fault", ["lost", "unanswered", "twice", "429", "503"])
def test_each_request_may_be_lost_or_repeated(site: Site, method: str, fault: str) -> None:
    start = put(site.spool, PACKED, ROWS)
    site.faults(method, fault, fault)
    assert send_all(site.spool, site.door, chunk_bytes=65536).transmissions == 1
    assert site.landed() == {start.id: PACKED}
    assert site.spool.waiting() == []


def test_a_dead_line_is_left_alone_and_what_was_sent_is_not_sent_again(site: Site) -> None:
    start = put(site.spool, PACKED, ROWS)
    site.faults("PATCH", "", *["lost"] * MOST_FAILURES)
    sent = send_all(site.spool, site.door, chunk_bytes=65536)
    assert sent.failure is not None
    assert sent.failure.code.startswith("net.")
    assert len(site.spool.waiting()) == 1
    site.faults("PATCH")
    assert send_all(site.spool, site.door, chunk_bytes=65536).transmissions == 1
    assert site.landed() == {start.id: PACKED}
    assert sum(size for _, _, size in site.sent("PATCH")) == len(PACKED)


def test_a_long_wait_is_given_back(site: Site) -> None:
    put(site.spool, PACKED, ROWS)
    site.door.uploads = new_uploads(
        site.database, site.folder / "landing", site.hub_clock, type(site.door.uploads._limits)(least_free_bytes=10**18)
    )
    sent = send_all(site.spool, site.door)
    assert (sent.retry_after_seconds, sent.reason) == (600, "upload.landing_full")
    assert len(site.spool.waiting()) == 1
    assert site.door.released == ["slot-1"]


def test_a_slot_that_ends_is_followed_by_another_from_where_it_stood(site: Site) -> None:
    start = put(site.spool, PACKED, ROWS)
    site.door.seconds_a_byte = 1 / 7000
    site.door.slot_seconds = 8
    sent = send_all(site.spool, site.door, chunk_bytes=32768)
    assert sent.transmissions == 1
    assert site.landed() == {start.id: PACKED}
    assert len(site.door.released) > 2
    assert sum(size for _, _, size in site.sent("PATCH")) == len(PACKED)


def test_over_a_poor_line_sending_gives_way_after_its_time_and_goes_on(site: Site) -> None:
    start = put(site.spool, PACKED, ROWS)
    site.door.seconds_a_byte = 1 / 7000
    site.door.slot_seconds = 8
    calls = [send_all(site.spool, site.door, chunk_bytes=32768, most_seconds=5) for _ in range(2)]
    assert [(one.has_more, one.failure, one.retry_after_seconds) for one in calls] == [(True, None, 0)] * 2
    while calls[-1].has_more:
        calls.append(send_all(site.spool, site.door, chunk_bytes=32768, most_seconds=5))
    assert site.landed() == {start.id: PACKED}
    assert sum(one.size_bytes for one in calls) == len(PACKED)


def test_the_narrower_of_both_bandwidths_holds(site: Site) -> None:
    put(site.spool, PACKED, ROWS)
    until = int(site.clock.at) + 10**6
    site.door.slot = SlotAnswer("slot-1", until, 0, 10_000)
    begun = site.clock.at
    send_all(site.spool, site.door, most_bytes_per_second=50_000)
    assert (site.clock.at - begun) * 10_000 + 40_000 >= len(PACKED)


def test_a_hub_that_lost_bytes_gets_them_again(site: Site) -> None:
    start = put(site.spool, PACKED, ROWS)
    site.faults("PATCH", "", "", *["lost"] * MOST_FAILURES)
    send_all(site.spool, site.door, chunk_bytes=32768)
    [part] = (site.folder / "landing").rglob("*.part")
    part.unlink()
    site.faults("PATCH")
    assert send_all(site.spool, site.door, chunk_bytes=32768).transmissions == 1
    assert site.landed() == {start.id: PACKED}


def test_a_transmission_that_the_hub_forgot_is_announced_again(site: Site) -> None:
    start = put(site.spool, PACKED, ROWS)
    site.faults("PATCH", "", *["lost"] * MOST_FAILURES)
    send_all(site.spool, site.door, chunk_bytes=32768)
    forgotten = []

    def forget(request: httpx.Request) -> str:
        if request.method == "PATCH" and not forgotten:
            forgotten.append(1)
            site.hub_clock.moment += timedelta(days=30)
            assert site.door.uploads.settle().abandoned == 1
        return ""

    site.door.fault = forget
    assert send_all(site.spool, site.door, chunk_bytes=32768).transmissions == 1
    assert site.landed() == {start.id: PACKED}


def test_a_refused_transmission_is_set_aside_and_told(site: Site) -> None:
    bad = put(site.spool, b"no list", 1)
    good = put(site.spool, PACKED, ROWS, name="gestantes")
    sent = send_all(site.spool, site.door)
    assert (sent.transmissions, sent.refused, sent.lists_to_read_whole) == (1, 1, {"hipertensos"})
    assert site.landed() == {good.id: PACKED}
    assert [path.name[:36] for path in site.spool.quarantine_folder.iterdir()] == [bad.id]
    [(code, evidence)] = site.facts.left
    assert (code, evidence["transmission"], evidence["code"]) == ("send.set_aside", bad.id, "loading.rows")


def test_an_announcement_that_the_hub_cannot_take_is_set_aside(site: Site) -> None:
    put(site.spool, PACKED, ROWS, name="Nome Errado")
    sent = send_all(site.spool, site.door)
    assert (sent.refused, sent.lists_to_read_whole) == (1, {"Nome Errado"})
    assert site.facts.codes == ["send.set_aside"]


def test_a_delta_without_its_base_asks_for_the_whole_list(site: Site) -> None:
    gone = put(site.spool, PACKED, ROWS)
    site.spool.remove(gone.id)
    put(site.spool, packed_list(3), 3, kind="delta", base=gone.id)
    assert send_all(site.spool, site.door).lists_to_read_whole == {"hipertensos"}


def test_a_segment_that_broke_while_it_waited_is_set_aside_and_the_rest_is_sent(site: Site) -> None:
    broken = put(site.spool, PACKED, ROWS)
    good = put(site.spool, PACKED, ROWS, name="gestantes")
    path = site.spool.folder_of(broken.id) / "000001.segment"
    stored = bytearray(path.read_bytes())
    stored[500] ^= 1
    path.write_bytes(stored)
    sent = send_all(site.spool, site.door, chunk_bytes=32768)
    assert (sent.transmissions, sent.lists_to_read_whole, sent.failure) == (1, {"hipertensos"}, None)
    assert set(site.landed()) == {good.id}
    assert site.facts.codes == ["spool.quarantined"]


@pytest.mark.parametrize("status", ["401", "403", "404", "500", "502"])
def test_a_refusal_that_is_not_of_the_transmission_throws_nothing_away(site: Site, status: str) -> None:
    put(site.spool, PACKED, ROWS)
    site.door.fault = lambda request: status if request.url.path != "/v1/slot" else ""
    sent = send_all(site.spool, site.door)
    assert sent.failure is not None
    assert len(site.spool.waiting()) == 1
    assert site.facts.left == []


def test_a_transmission_of_another_site_is_never_answered_for(site: Site) -> None:
    put(site.spool, PACKED, ROWS)
    site.faults("PATCH", "", *["lost"] * MOST_FAILURES)
    send_all(site.spool, site.door, chunk_bytes=32768)
    site.faults("PATCH")
    site.door.identity = SITE_B
    assert send_all(site.spool, site.door).failure is not None
    assert len(site.spool.waiting()) == 1


def test_what_was_loaded_meanwhile_leaves_the_spool(site: Site) -> None:
    start = put(site.spool, PACKED, ROWS)
    site.faults("GET", *["lost"] * MOST_FAILURES)
    assert send_all(site.spool, site.door).failure is not None
    with site.database.write() as connection:
        connection.execute(sa.update(TRANSMISSIONS).values(state="loaded"))
    site.faults("GET")
    assert send_all(site.spool, site.door).transmissions == 1
    assert site.spool.waiting() == []
    assert sum(1 for _, path, _ in site.sent("POST") if path.endswith("transmissions")) == 2
    assert start.id in site.sent("PATCH")[0][1]
