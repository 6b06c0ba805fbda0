"""Hub processes that die between two steps: the next one ends what was begun, once."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest
import sqlalchemy as sa
from tests.fleet_world.upload_world import LANDING_KEY, SITE_A
from tests.unit.fleet.uploads.conftest import CHUNK, PACKED, Receiving, announced

from afluente.fleet.landing import LANDED, PART, LandingStore
from afluente.fleet.landing_key import LandingKeys
from afluente.fleet.refusal import Refusal
from afluente.fleet.uploads import Uploads
from afluente.state.fleet_schema import TRANSMISSIONS


class Died(BaseException):
    """The process is no more."""


class DyingLanding(LandingStore):
    """Dies at one moment; what was on the disk then stays."""

    dies_at = ""

    def append(self, transmission: str, offset: int, chunk: bytes) -> None:
        super().append(transmission, offset, chunk)
        if self.dies_at == "appended" and offset:
            raise Died

    def land(self, transmission: str) -> str:
        if self.dies_at == "looked":
            raise Died
        path = super().land(transmission)
        if self.dies_at == "landed":
            raise Died
        return path


class StoppedLanding(LandingStore):
    """Of a process that stands still, once, after it has read a whole upload and before it does anything with it."""

    meanwhile: Callable[[], None] | None = None
    opened = 0

    @contextlib.contextmanager
    def open_part(self, transmission: str) -> Iterator[BinaryIO]:
        with super().open_part(transmission) as stream:
            yield stream
        self.opened += 1
        if self.opened == 2 and self.meanwhile is not None:
            self.meanwhile()


def dying(receiving: Receiving, moment: str) -> Uploads:
    store = DyingLanding(receiving.folder, LandingKeys(LANDING_KEY))
    store.dies_at = moment
    return Uploads(receiving.database, store, receiving.clock)


def begun(receiving: Receiving, *, chunks: int = 1) -> str:
    start = announced()
    receiving.uploads.start(SITE_A, start)
    for number in range(chunks):
        chunk = PACKED[number * CHUNK : (number + 1) * CHUNK]
        receiving.uploads.append(SITE_A, start.id, number * CHUNK, chunk, hashlib.sha256(chunk).hexdigest())
    return start.id


def go_on(receiving: Receiving, transmission: str) -> None:
    """What the agent does: from where the hub stands, wherever that is."""
    uploads = receiving.another()
    while (state := uploads.state(SITE_A, transmission)).state == "receiving":
        chunk = PACKED[state.offset : state.offset + CHUNK + 1]
        if not chunk:
            break
        with contextlib.suppress(Refusal):
            uploads.append(SITE_A, transmission, state.offset, chunk, hashlib.sha256(chunk).hexdigest())


def test_a_process_that_died_after_writing_and_before_counting(receiving: Receiving) -> None:
    transmission = begun(receiving)
    chunk = PACKED[CHUNK : 2 * CHUNK]
    with pytest.raises(Died):
        dying(receiving, "appended").append(SITE_A, transmission, CHUNK, chunk, hashlib.sha256(chunk).hexdigest())
    assert receiving.row(transmission).offset == CHUNK
    go_on(receiving, transmission)
    assert receiving.landed() == {transmission: PACKED}


@pytest.mark.parametrize("moment", ["looked", "landed"])
def test_a_process_that_died_while_it_landed(receiving: Receiving, moment: str) -> None:
    start = announced()
    uploads = dying(receiving, moment)
    uploads.start(SITE_A, start)
    receiving.uploads = uploads
    with pytest.raises(Died):
        receiving.send(start, PACKED)
    survivor = receiving.another()
    assert survivor.state(SITE_A, start.id).state == "receiving"
    assert survivor.settle().completed == 0
    receiving.clock.moment += timedelta(hours=1)
    assert survivor.settle().completed == 1
    assert survivor.state(SITE_A, start.id).state == "landed"
    assert receiving.landed() == {start.id: PACKED}


def test_a_whole_upload_whose_process_died_before_looking_lands_by_a_question(receiving: Receiving) -> None:
    transmission = begun(receiving, chunks=len(PACKED) // CHUNK)
    tail = PACKED[len(PACKED) // CHUNK * CHUNK :]
    store = LandingStore(receiving.folder, LandingKeys(LANDING_KEY))
    store.append(transmission, len(PACKED) - len(tail), tail)
    with receiving.database.write() as connection:
        connection.execute(sa.update(TRANSMISSIONS).values(offset=len(PACKED)))
    assert receiving.another().state(SITE_A, transmission).state == "landed"
    assert receiving.landed() == {transmission: PACKED}


@pytest.mark.parametrize("left", [0, 10, 60, CHUNK, CHUNK + 200, None], ids=str)
def test_a_file_that_lost_its_end_is_filled_again(receiving: Receiving, left: int | None) -> None:
    transmission = begun(receiving, chunks=2)
    path = receiving.folder / transmission[-2:] / f"{transmission}{PART}"
    if left is None:
        path.unlink()
    else:
        os.truncate(path, left)
    chunk = PACKED[2 * CHUNK : 3 * CHUNK]
    with pytest.raises(Refusal) as elsewhere:
        receiving.uploads.append(SITE_A, transmission, 2 * CHUNK, chunk, hashlib.sha256(chunk).hexdigest())
    assert elsewhere.value.offset is not None
    assert elsewhere.value.offset in (0, CHUNK)
    go_on(receiving, transmission)
    assert receiving.landed() == {transmission: PACKED}


def test_a_state_that_went_back_takes_the_same_bytes_again(receiving: Receiving) -> None:
    transmission = begun(receiving, chunks=3)
    with receiving.database.write() as connection:
        connection.execute(sa.update(TRANSMISSIONS).values(offset=CHUNK))
    go_on(receiving, transmission)
    assert receiving.landed() == {transmission: PACKED}


def test_a_file_damaged_before_it_was_looked_at_is_asked_for_again(receiving: Receiving) -> None:
    transmission = begun(receiving, chunks=2)
    path: Path = receiving.folder / transmission[-2:] / f"{transmission}{PART}"
    stored = bytearray(path.read_bytes())
    stored[1000] ^= 1
    path.write_bytes(stored)
    go_on(receiving, transmission)
    assert receiving.landed() == {transmission: PACKED}
    assert receiving.facts() == ["hub.upload_damaged"]
    assert not path.exists()
    assert path.with_suffix(LANDED).exists()


def test_a_process_that_stood_still_while_another_took_its_look_over_moves_no_file(receiving: Receiving) -> None:
    store = StoppedLanding(receiving.folder, LandingKeys(LANDING_KEY))
    stopped = Uploads(receiving.database, store, receiving.clock)
    start = announced()
    receiving.uploads.start(SITE_A, start)
    first, *middle, last = (PACKED[at : at + CHUNK] for at in range(0, len(PACKED), CHUNK))
    for number, chunk in enumerate((first, *middle)):
        receiving.uploads.append(SITE_A, start.id, number * CHUNK, chunk, hashlib.sha256(chunk).hexdigest())

    def meanwhile() -> None:
        receiving.clock.advance(seconds=1000)
        [path] = receiving.folder.rglob("*" + PART)
        path.write_bytes(path.read_bytes()[:-20] + bytes(20))
        assert receiving.uploads.state(SITE_A, start.id).offset == 0
        receiving.uploads.append(SITE_A, start.id, 0, first, hashlib.sha256(first).hexdigest())

    store.meanwhile = meanwhile
    stopped.append(SITE_A, start.id, len(PACKED) - len(last), last, hashlib.sha256(last).hexdigest())
    assert (receiving.row(start.id).state, receiving.row(start.id).offset) == ("receiving", CHUNK)
    assert [Path(name).suffix for name in receiving.files()] == [PART]
    receiving.send(start, PACKED, offset=CHUNK)
    assert receiving.landed() == {start.id: PACKED}
    assert receiving.facts() == ["hub.upload_damaged"]
