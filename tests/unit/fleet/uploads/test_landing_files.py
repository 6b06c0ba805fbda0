"""Files in landing: cut, torn, flipped or swapped, they give back what was appended or say that they are broken."""

from __future__ import annotations

import base64
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fleet_world.upload_world import random_id

from afluente.fleet.landing import LANDED, PART, LandingStore, ShortLandingError
from afluente.fleet.landing_key import LandingKeys, read_landing_keys
from afluente.fleet.refusal import FleetError
from afluente.state.secret import Secret

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
CHUNKS = [bytes([65 + number]) * (40 + number) for number in range(5)]
ENDS = [sum(map(len, CHUNKS[: number + 1])) for number in range(5)]


def store_in(folder: Path, key: bytes = KEY, *older: bytes) -> LandingStore:
    return LandingStore(folder, LandingKeys(key, older))


def grown(store: LandingStore, transmission: str, chunks: list[bytes] = CHUNKS) -> Path:
    offset = 0
    for chunk in chunks:
        store.append(transmission, offset, chunk)
        offset += len(chunk)
    return store.path_of(transmission, PART)


def content(store: LandingStore, transmission: str) -> bytes:
    with store.open_part(transmission) as stream:
        return stream.read()


def catch_up(store: LandingStore, transmission: str, chunks: list[bytes], stands: int) -> None:
    """Send on from where the state says that it stands, as the uploads do."""
    whole = b"".join(chunks)
    while stands < len(whole):
        chunk = whole[stands : stands + 33]
        try:
            store.append(transmission, stands, chunk)
        except ShortLandingError as short:
            assert short.offset < stands
            stands = short.offset
        else:
            stands += len(chunk)


@settings(max_examples=80, deadline=None)
@given(cut=st.integers(0, 2000), tail=st.binary(max_size=80), counted=st.sampled_from([0, *ENDS[:-1]]))
def test_whatever_a_power_cut_left_of_the_file_the_upload_goes_on(cut: int, tail: bytes, counted: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store, transmission = store_in(Path(folder)), random_id()
        path = grown(store, transmission)
        os.truncate(path, min(cut, path.stat().st_size))
        with path.open("ab") as file:
            file.write(tail)
        catch_up(store, transmission, CHUNKS, counted)
        try:
            assert content(store, transmission) == b"".join(CHUNKS)
        except FleetError as error:
            assert error.code == "landing.broken"
            assert tail


@pytest.mark.parametrize("counted", ENDS[:-1])
def test_what_was_written_and_not_counted_is_cut_off(tmp_path: Path, counted: int) -> None:
    store, transmission = store_in(tmp_path), random_id()
    grown(store, transmission)
    store.append(transmission, counted, b"another end")
    assert content(store, transmission) == b"".join(CHUNKS)[:counted] + b"another end"


@settings(max_examples=80, deadline=None)
@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found(place: int, bit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store, transmission = store_in(Path(folder)), random_id()
        path = grown(store, transmission)
        stored = bytearray(path.read_bytes())
        place %= len(stored)
        stored[place] ^= 1 << bit
        path.write_bytes(stored)
        try:
            found = content(store, transmission)
        except FleetError as error:
            assert error.code in ("landing.broken", "landing.key_unknown")
        else:
            assert found == b"".join(CHUNKS)


def test_records_cannot_change_places_or_files(tmp_path: Path) -> None:
    store, one, other = store_in(tmp_path), random_id(), random_id()
    same = [b"a" * 50, b"b" * 50, b"c" * 50]
    first, second = grown(store, one, same), grown(store, other, same)
    header = 48
    size = (first.stat().st_size - header) // 3
    stored, foreign = first.read_bytes(), second.read_bytes()
    records = [stored[header + n * size : header + (n + 1) * size] for n in range(3)]
    for tampered in (
        [records[1], records[0], records[2]],
        [records[0], records[2]],
        [records[0], foreign[header + size : header + 2 * size], records[2]],
    ):
        first.write_bytes(stored[:header] + b"".join(tampered))
        with pytest.raises(FleetError):
            content(store, one)
    first.write_bytes(foreign)
    with pytest.raises(FleetError):
        content(store, one)


def test_landing_again_does_nothing(tmp_path: Path) -> None:
    store, transmission = store_in(tmp_path), random_id()
    grown(store, transmission)
    path = store.land(transmission)
    assert store.land(transmission) == path
    with store.open(path) as stream:
        assert stream.read() == b"".join(CHUNKS)
    assert content(store, transmission) == b"".join(CHUNKS)
    assert not store.path_of(transmission, PART).exists()
    assert store.path_of(transmission, LANDED).stat().st_mode & 0o077 == 0


def test_an_older_key_still_opens_and_a_new_one_seals(tmp_path: Path) -> None:
    before, after = random_id(), random_id()
    grown(store_in(tmp_path), before)
    rotated = store_in(tmp_path, OTHER_KEY, KEY)
    rotated.append(before, ENDS[-1], b"more")
    grown(rotated, after)
    assert content(rotated, before) == b"".join(CHUNKS) + b"more"
    assert content(store_in(tmp_path, OTHER_KEY), after) == b"".join(CHUNKS)
    with pytest.raises(FleetError) as unknown:
        content(store_in(tmp_path, OTHER_KEY), before)
    assert unknown.value.code == "landing.key_unknown"


def test_the_keys_come_from_a_secret() -> None:
    text = f"{base64.b64encode(KEY).decode()}\n{base64.b64encode(OTHER_KEY).decode()}"
    keys = read_landing_keys(Secret(text))
    assert keys == LandingKeys(KEY, (OTHER_KEY,))
    assert "AQID" not in repr(keys)
    assert repr(KEY) not in repr(keys)


@pytest.mark.parametrize("text", ["", " ", "short", "!!!", base64.b64encode(b"x" * 31).decode()])
def test_a_key_that_is_none_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(FleetError) as refused:
        read_landing_keys(Secret(text))
    assert refused.value.code == "landing.key"
    assert "openssl" in refused.value.hint
