"""An upload grows chunk by chunk, each counted once, and lands as it was sent."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from afluente_agent.list_format import Form, Packer
from tests.fleet_world.upload_world import SITE_A, SITE_B
from tests.unit.fleet.uploads.conftest import CHUNK, PACKED, Receiving, announced

from afluente.fleet.refusal import Refusal


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def refused(code: str, work: object) -> Refusal:
    with pytest.raises(Refusal) as raised:
        work()  # type: ignore[operator]
    assert raised.value.code == code
    return raised.value


def test_a_list_lands_as_it_was_sent_and_encrypted(receiving: Receiving) -> None:
    start = announced()
    assert receiving.uploads.start(SITE_A, start).state == "receiving"
    receiving.send(start, PACKED)
    state = receiving.uploads.state(SITE_A, start.id)
    assert (state.state, state.offset, state.needs_full) == ("landed", len(PACKED), False)
    assert receiving.landed() == {start.id: PACKED}
    row = receiving.row(start.id)
    assert row.landed_path == f"{start.id[-2:]}/{start.id}.landed"
    assert row.landed_at == receiving.clock.now()
    stored = (receiving.folder / row.landed_path).read_bytes()
    assert PACKED[:40] not in stored
    assert PACKED[-40:] not in stored
    assert receiving.files() == [row.landed_path]


def test_the_same_announcement_gives_where_it_stands(receiving: Receiving) -> None:
    start = announced()
    receiving.uploads.start(SITE_A, start)
    receiving.uploads.append(SITE_A, start.id, 0, PACKED[:CHUNK], sha(PACKED[:CHUNK]))
    state = receiving.another().start(SITE_A, start)
    assert (state.state, state.offset) == ("receiving", CHUNK)


def test_an_announcement_that_changed_is_refused(receiving: Receiving) -> None:
    start = announced()
    receiving.uploads.start(SITE_A, start)
    changed = announced(rows=1, id=start.id)
    assert refused("transmission.changed", lambda: receiving.uploads.start(SITE_A, changed)).status == 422


def test_a_chunk_elsewhere_is_told_where_the_upload_stands(receiving: Receiving) -> None:
    start = announced()
    receiving.uploads.start(SITE_A, start)
    receiving.uploads.append(SITE_A, start.id, 0, PACKED[:CHUNK], sha(PACKED[:CHUNK]))
    for offset in (0, 1, CHUNK - 1, CHUNK + 1, len(PACKED), 2**62):
        chunk = PACKED[offset : offset + CHUNK] or b"x"
        refusal = refused(
            "transmission.offset", lambda: receiving.uploads.append(SITE_A, start.id, offset, chunk, sha(chunk))
        )
        assert (refusal.status, refusal.offset) == (409, CHUNK)
    receiving.send(start, PACKED, offset=CHUNK)
    chunk = PACKED[:CHUNK]
    refusal = refused("transmission.offset", lambda: receiving.uploads.append(SITE_A, start.id, 0, chunk, sha(chunk)))
    assert refusal.offset == len(PACKED)
    assert receiving.landed() == {start.id: PACKED}


def test_a_chunk_that_changed_on_the_way_is_not_taken(receiving: Receiving) -> None:
    start = announced()
    receiving.uploads.start(SITE_A, start)
    refused(
        "transmission.chunk_sha256",
        lambda: receiving.uploads.append(SITE_A, start.id, 0, b"y" * CHUNK, sha(PACKED[:CHUNK])),
    )
    assert receiving.files() == []
    assert receiving.row(start.id).offset == 0


def test_more_than_was_announced_is_never_taken(receiving: Receiving) -> None:
    start = announced(size_bytes=CHUNK + 10)
    receiving.uploads.start(SITE_A, start)
    receiving.uploads.append(SITE_A, start.id, 0, PACKED[:CHUNK], sha(PACKED[:CHUNK]))
    for size in (11, 5000):
        chunk = b"z" * size
        refused("transmission.oversized", lambda: receiving.uploads.append(SITE_A, start.id, CHUNK, chunk, sha(chunk)))
    assert receiving.row(start.id).offset == CHUNK


def test_a_chunk_has_its_bounds(receiving: Receiving) -> None:
    start = announced(size_bytes=10**8)
    receiving.uploads.start(SITE_A, start)
    for size in (0, 1, 4095, 4 * 1024 * 1024 + 1):
        chunk = bytes(size)
        refused("transmission.chunk_size", lambda: receiving.uploads.append(SITE_A, start.id, 0, chunk, sha(chunk)))


def test_a_site_does_not_see_the_transmissions_of_another(receiving: Receiving) -> None:
    start = announced()
    receiving.uploads.start(SITE_A, start)
    chunk = PACKED[:CHUNK]
    refused("transmission.unknown", lambda: receiving.uploads.start(SITE_B, start))
    refused("transmission.unknown", lambda: receiving.uploads.state(SITE_B, start.id))
    refused("transmission.unknown", lambda: receiving.uploads.append(SITE_B, start.id, 0, chunk, sha(chunk)))
    assert receiving.files() == []


def test_repeated_chunks_through_several_hub_processes_count_once(receiving: Receiving) -> None:
    start = announced()
    receiving.uploads.start(SITE_A, start)
    doors = [receiving.another() for _ in range(3)]
    chunks = [(offset, PACKED[offset : offset + CHUNK]) for offset in range(0, len(PACKED), CHUNK)]

    def push(door: int) -> int:
        taken = 0
        for offset, chunk in chunks:
            while True:
                try:
                    doors[door].append(SITE_A, start.id, offset, chunk, sha(chunk))
                    taken += 1
                    break
                except Refusal as refusal:
                    assert refusal.code == "transmission.offset"
                    assert refusal.offset is not None
                    if refusal.offset > offset:
                        break
        return taken

    with ThreadPoolExecutor(3) as pool:
        taken = sum(pool.map(push, range(3)))
    assert taken == len(chunks)
    assert receiving.landed() == {start.id: PACKED}


def test_a_delta_whose_base_the_hub_does_not_know_asks_for_the_whole(receiving: Receiving) -> None:
    start = announced(kind="delta", base=announced().id)
    state = receiving.uploads.start(SITE_A, start)
    assert (state.state, state.needs_full, state.reason) == ("refused", True, "transmission.base_unknown")
    assert receiving.uploads.start(SITE_A, start) == state
    assert receiving.facts() == ["hub.upload_refused"]
    refused("transmission.refused", lambda: receiving.uploads.append(SITE_A, start.id, 0, b"x", sha(b"x")))


def test_a_delta_on_a_base_of_another_site_or_list_is_refused(receiving: Receiving) -> None:
    base = announced()
    receiving.uploads.start(SITE_A, base)
    receiving.send(base, PACKED)
    mine = receiving.uploads.start(SITE_A, announced(kind="delta", base=base.id))
    other_list = receiving.uploads.start(SITE_A, announced(kind="delta", base=base.id, list_name="gestantes"))
    other_site = receiving.uploads.start(SITE_B, announced(kind="delta", base=base.id))
    assert [one.state for one in (mine, other_list, other_site)] == ["receiving", "refused", "refused"]


def test_a_list_without_rows_lands(receiving: Receiving) -> None:
    packer = Packer(Form(True, (0,)))
    content = packer.finish()
    start = announced(content, rows=0)
    receiving.uploads.start(SITE_A, start)
    receiving.send(start, content)
    assert receiving.landed() == {start.id: content}


def test_a_site_may_not_begin_without_end(receiving: Receiving) -> None:
    uploads = receiving.another(most_open=3)
    for _ in range(3):
        uploads.start(SITE_A, announced())
    refusal = refused("upload.too_many_open", lambda: uploads.start(SITE_A, announced()))
    assert (refusal.status, refusal.retry_after_seconds) == (429, 3600)
    assert uploads.start(SITE_B, announced()).state == "receiving"
    narrow = receiving.another(most_open_bytes=4 * len(PACKED))
    narrow.start(SITE_A, announced())
    refused("upload.too_many_open", lambda: narrow.start(SITE_A, announced()))


def test_a_site_may_not_announce_without_end(receiving: Receiving) -> None:
    """Refused ones count too: each leaves a row and a fact."""
    uploads = receiving.another(most_a_day=5)
    for _ in range(5):
        delta = announced(kind="delta", base=announced().id)
        assert uploads.start(SITE_A, delta).state == "refused"
    refusal = refused("upload.too_many_a_day", lambda: uploads.start(SITE_A, announced()))
    assert (refusal.status, refusal.retry_after_seconds) == (429, 3600)
    assert uploads.start(SITE_A, delta).state == "refused"
    assert uploads.start(SITE_B, announced()).state == "receiving"
    receiving.clock.advance(seconds=86_401)
    assert uploads.start(SITE_A, announced()).state == "receiving"


def test_a_landing_without_room_asks_to_come_back(receiving: Receiving) -> None:
    uploads = receiving.another(least_free_bytes=10**18)
    refusal = refused("upload.landing_full", lambda: uploads.start(SITE_A, announced()))
    assert (refusal.status, refusal.retry_after_seconds) == (503, 600)


def test_an_abandoned_upload_is_forgotten_and_told(receiving: Receiving) -> None:
    start = announced()
    receiving.uploads.start(SITE_A, start)
    receiving.uploads.append(SITE_A, start.id, 0, PACKED[:CHUNK], sha(PACKED[:CHUNK]))
    receiving.clock.moment += timedelta(days=13)
    assert receiving.uploads.settle().abandoned == 0
    chunk = PACKED[CHUNK : 2 * CHUNK]
    receiving.uploads.append(SITE_A, start.id, CHUNK, chunk, sha(chunk))
    receiving.clock.moment += timedelta(days=13)
    assert receiving.uploads.settle().abandoned == 0
    receiving.clock.moment += timedelta(days=2)
    assert receiving.uploads.settle().abandoned == 1
    assert (receiving.files(), receiving.facts()) == ([], ["hub.upload_abandoned"])
    refused("transmission.unknown", lambda: receiving.uploads.state(SITE_A, start.id))
    assert receiving.uploads.start(SITE_A, start).offset == 0
    receiving.send(start, PACKED)
    assert receiving.landed() == {start.id: PACKED}
