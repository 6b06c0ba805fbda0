"""Deltas: the old list with a delta put on it is the new list, whatever was edited and whenever the power went."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afluente_agent.delta import DeltaStore
from afluente_agent.list_format import key_digest, row_digest
from afluente_agent.row_map import BrokenMapError, MapFacts, RowMap, RowMapWriter, SameKeyError

Rows = dict[int, tuple[str, int]]
"""A value and a day, by key."""


def record(key: int, value: str, day: int) -> bytes:
    return key_digest(b"%d" % key) + row_digest(value.encode()) + day.to_bytes(3, "big")


def facts(transmission: str, sequence: int = 1) -> MapFacts:
    return MapFacts(transmission, sequence, "s", 0, 0, 0)


def transmit(
    store: DeltaStore, rows: Rows, transmission: str, *, waiting: tuple[str, ...] = (), since: int = 0
) -> tuple[str, Rows, set[bytes]]:
    """What an extraction does, with rows in the place of a database: the base, what is put, what is taken away."""
    writer = store.writer("lista")
    sequence, path = store.next_pending("lista", transmission)
    seen = {key: row for key, row in rows.items() if row[1] >= since}
    with store.base("lista", waiting=waiting) as base:
        records = {key: record(key, *row) for key, row in seen.items()}
        writer.add(list(records.values()))
        put = {key: seen[key] for key in seen if base is None or not base.has(records[key])}
        gone = set(writer.finish(path, before=base, kept_before_day=since, facts=facts(transmission, sequence)))
        told = base.facts.transmission if base else ""
    writer.close()
    return told, put, gone


def applied(old: Rows, put: Rows, gone: set[bytes]) -> Rows:
    kept = {key: row for key, row in old.items() if key_digest(b"%d" % key) not in gone}
    return {**kept, **put}


LISTS = st.dictionaries(st.integers(0, 60), st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 9)), max_size=50)


@settings(max_examples=60, deadline=None)
@given(versions=st.lists(LISTS, min_size=1, max_size=5))
def test_the_old_list_with_its_delta_is_the_new_one(versions: list[Rows]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = DeltaStore(Path(folder))
        held: Rows = {}
        for number, rows in enumerate(versions):
            base, put, gone = transmit(store, rows, f"t{number}")
            assert bool(base) == (number > 0)
            assert not {key_digest(b"%d" % key) for key in put} & gone
            held = applied(held, put, gone)
            assert held == rows
            assert store.confirm("lista", f"t{number}")


@settings(max_examples=60, deadline=None)
@given(old=LISTS, new=LISTS, since=st.integers(1, 9))
def test_a_window_changes_its_days_only(old: Rows, new: Rows, since: int) -> None:
    """Rows older than the window stand still in PEC; then nothing is lost by not reading them."""
    now = {key: row for key, row in new.items() if row[1] >= since}
    now = {**{key: row for key, row in old.items() if row[1] < since}, **now}
    with tempfile.TemporaryDirectory() as folder:
        store = DeltaStore(Path(folder))
        transmit(store, old, "t1")
        store.confirm("lista", "t1")
        _, put, gone = transmit(store, now, "t2", since=since)
        assert applied(old, put, gone) == now
        store.confirm("lista", "t2")
        _, put, gone = transmit(store, now, "t3")
        assert (put, gone) == ({}, set())


@settings(max_examples=40, deadline=None)
@given(
    versions=st.lists(LISTS, min_size=2, max_size=6),
    moments=st.lists(st.sampled_from(["fine", "never sent", "sent, not confirmed", "hub lost it"]), min_size=6),
)
def test_whatever_goes_wrong_between_two_transmissions_the_hub_ends_with_the_list(
    versions: list[Rows], moments: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = DeltaStore(Path(folder))
        held: Rows = {}
        newest = ""
        for number, (rows, moment) in enumerate(zip(versions, moments, strict=False)):
            name = f"t{number}"
            waiting = (newest,) if newest else ()
            base, put, gone = transmit(store, rows, name, waiting=waiting)
            if moment == "never sent":
                continue
            if moment == "hub lost it":
                store.forget("lista")
                continue
            if base not in ("", newest):
                store.forget("lista")
                continue
            held = applied(held if base else {}, put, gone)
            newest = name
            assert held == rows
            if moment == "fine":
                store.confirm("lista", name)


def test_many_rows_spill_and_come_together(tmp_path: Path) -> None:
    writer = RowMapWriter(tmp_path)
    for start in range(0, 250_000, 10_000):
        writer.add([record(key, "a", 0) for key in range(start, start + 10_000)])
    assert list(writer.finish(tmp_path / "one.map", before=None, kept_before_day=0, facts=facts("t1"))) == []
    writer.close()
    with RowMap(tmp_path / "one.map") as known:
        assert known.facts.rows == 250_000
        assert all(known.has(record(key, "a", 0)) for key in range(0, 250_000, 97))
        assert not any(known.has(record(key, "b", 0)) for key in range(0, 250_000, 997))
        assert sum(len(known.part(first)) for first in range(256)) == 250_000


@pytest.mark.parametrize("rows", [0, 1, 2, 15, 16, 17, 255, 5000])
def test_a_map_of_any_size_finds_its_rows(rows: int, tmp_path: Path) -> None:
    writer = RowMapWriter(tmp_path)
    records = [record(key, "a", key) for key in range(rows)]
    writer.add(records)
    list(writer.finish(tmp_path / "one.map", before=None, kept_before_day=0, facts=facts("t1")))
    writer.close()
    with RowMap(tmp_path / "one.map") as known:
        assert all(known.has(one) for one in records)
        assert not known.has(record(rows + 1, "a", 0))
        assert sorted(one for first in range(256) for one in known.part(first)) == sorted(records)


def test_a_key_twice_is_refused(tmp_path: Path) -> None:
    writer = RowMapWriter(tmp_path)
    writer.add([record(1, "a", 0), record(1, "b", 0)])
    with pytest.raises(SameKeyError):
        list(writer.finish(tmp_path / "one.map", before=None, kept_before_day=0, facts=facts("t1")))
    writer.close()


@settings(max_examples=25, deadline=None)
@given(old=LISTS, new=LISTS)
def test_a_map_that_an_agent_before_wrote_sorted_throughout_is_a_base(old: Rows, new: Rows) -> None:
    content = b"".join(sorted(record(key, *row) for key, row in old.items()))
    buckets = 1 << max(0, len(old).bit_length() - 4)
    ends = [sum(content[at] * buckets >> 8 < bucket for at in range(0, len(content), 24)) for bucket in range(buckets)]
    told = json.dumps(asdict(facts("t1")) | {"rows": len(old)}, separators=(",", ":")).encode()
    whole = content + struct.pack(f"<{buckets + 1}I", *ends, len(old)) + told
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lista" / "confirmed.map"
        path.parent.mkdir()
        path.write_bytes(whole + struct.pack("<I32s8s", len(told), hashlib.sha256(whole).digest(), b"AFLROWS1"))
        base, put, gone = transmit(DeltaStore(Path(folder)), new, "t2")
    assert base == "t1"
    assert put == {key: row for key, row in new.items() if old.get(key) != row}
    assert gone == {key_digest(b"%d" % key) for key in old.keys() - new.keys()}


def test_keys_that_are_gone_come_in_their_order(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    transmit(store, {key: ("a", 0) for key in range(3000)}, "t1")
    store.confirm("lista", "t1")
    with store.base("lista", waiting=()) as base:
        gone = list(store.writer("lista").finish(tmp_path / "m", before=base, kept_before_day=0, facts=facts("t2")))
    assert gone == sorted(key_digest(b"%d" % key) for key in range(3000))


@pytest.mark.parametrize("cut", [0, 1, 43, 44, 100, -1])
def test_a_map_cut_short_is_no_map(cut: int, tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    transmit(store, {key: ("a", 0) for key in range(20)}, "t1")
    store.confirm("lista", "t1")
    path = tmp_path / "lista" / "confirmed.map"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(BrokenMapError):
        RowMap(path)
    assert transmit(store, {1: ("a", 0)}, "t2")[0] == ""


@settings(max_examples=40, deadline=None)
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_is_no_map(place: int, bit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = DeltaStore(Path(folder))
        transmit(store, {key: ("a", 0) for key in range(20)}, "t1")
        store.confirm("lista", "t1")
        path = Path(folder) / "lista" / "confirmed.map"
        content = bytearray(path.read_bytes())
        content[place % len(content)] ^= 1 << bit
        path.write_bytes(content)
        with pytest.raises(BrokenMapError):
            RowMap(path)


def test_confirming_twice_is_once(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    transmit(store, {1: ("a", 0)}, "t1")
    assert store.confirm("lista", "t1")
    assert not store.confirm("lista", "t1")
    assert transmit(store, {1: ("a", 0)}, "t2") == ("t1", {}, set())


def test_confirming_a_later_one_ends_the_earlier(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    transmit(store, {1: ("a", 0)}, "t1")
    transmit(store, {1: ("b", 0)}, "t2", waiting=("t1",))
    assert store.confirm("lista", "t2")
    assert not store.confirm("lista", "t1")
    assert [path.name for path in (tmp_path / "lista").iterdir()] == ["confirmed.map"]


def test_names_of_lists_and_transmissions_cannot_leave_the_folder(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    for name in ("../x", "a/b", "", "A", "."):
        with pytest.raises(ValueError, match="not the name"):
            store.forget(name)
    with pytest.raises(ValueError, match="not the id"):
        store.next_pending("lista", "../../x")


CHILD = """
import sys
from pathlib import Path
from tests.unit.agent.extraction.test_delta import transmit
from afluente_agent.delta import DeltaStore
store = DeltaStore(Path(sys.argv[1]))
rows = {key: ("a" if key % 3 else sys.argv[2], 0) for key in range(3000 + int(sys.argv[2]))}
for line in sys.stdin:
    word, name, waiting = line.split(",")
    if word == "read":
        base, put, gone = transmit(store, rows, name, waiting=tuple(waiting.split()))
        print(base or "-", len(put), len(gone), flush=True)
    else:
        print("confirming", flush=True)
        store.confirm("lista", name)
        print("confirmed", flush=True)
"""


@pytest.mark.parametrize("seed", range(6))
def test_a_kill_between_the_hubs_word_and_the_swap_loses_and_doubles_nothing(seed: int, tmp_path: Path) -> None:
    """The process is killed at any moment of confirming; told again at the next start, the next delta is exact."""
    held: Rows = {}
    name = ""
    for day in range(4):
        rows = {key: ("a" if key % 3 else str(day), 0) for key in range(3000 + day)}
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), str(day)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert child.stdin is not None
        assert child.stdout is not None
        store = DeltaStore(tmp_path)
        if name:
            store.confirm("lista", name)
        new = f"t{day}"
        child.stdin.write(f"read,{new},\n")
        child.stdin.flush()
        base, put, gone = child.stdout.readline().split()
        assert (base, int(gone)) == (name or "-", 0)
        assert int(put) == sum(held.get(key) != row for key, row in rows.items())
        held = rows
        child.stdin.write(f"confirm,{new},\n")
        child.stdin.flush()
        child.stdout.readline()
        if (seed + day) % 2:
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdin.close()
        child.stdout.close()
        name = new
    store = DeltaStore(tmp_path)
    store.confirm("lista", name)
    assert transmit(store, held, "last") == (name, {}, set())
