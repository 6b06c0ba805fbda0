"""Power cuts: whatever byte was the last, what is whole stays, what is broken is set aside and told."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from afluente_agent.spool.recovery import Recovered, recover
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fleet_world.spool_world import Facts, content_of, open_spool, put

ROOT = Path(__file__).parents[4]
WHOLE = bytes(range(250)) * 2
WRITER = """
import sys
from pathlib import Path
from afluente_agent.spool.recovery import recover
from tests.fleet_world.spool_world import open_spool, put
spool = open_spool(Path(sys.argv[1]))
recover(spool)
number = 0
while True:
    content = bytes([number % 251]) * (37 * number % 900 + 1)
    start = put(spool, content)
    print(start.id, number % 251, len(content), flush=True)
    number += 1
"""


def damaged(folder: Path, damage: Callable[[Path, Path], None]) -> tuple[Recovered, Facts, bool, bool]:
    """Two transmissions, one of which is damaged: what the start made of it, and whether each still waits whole."""
    spool = open_spool(folder)
    hit, other = put(spool, WHOLE).id, put(spool, WHOLE[::-1]).id
    damage(spool.folder_of(hit), spool.folder_of(other))
    facts = Facts()
    again = open_spool(folder, facts=facts)
    recovered = recover(again)
    waiting = {one.id for one in again.waiting()}
    if hit in waiting:
        assert content_of(again, hit) == WHOLE
    assert content_of(again, other) == WHOLE[::-1]
    return recovered, facts, hit in waiting, other in waiting


@pytest.fixture(scope="module")
def stored() -> dict[str, int]:
    """The files of a transmission and their sizes."""
    with tempfile.TemporaryDirectory() as folder:
        spool = open_spool(Path(folder))
        start = put(spool, WHOLE)
        return {path.name: path.stat().st_size for path in spool.folder_of(start.id).iterdir()}


@pytest.mark.parametrize("name", ["manifest", "000000.segment", "000001.segment"])
def test_a_file_cut_anywhere_is_set_aside_and_told(tmp_path: Path, stored: dict[str, int], name: str) -> None:
    spool = open_spool(tmp_path)
    hit = put(spool, WHOLE).id
    other = put(spool, WHOLE[::-1]).id
    kept = spool.folder_of(hit)
    whole = tmp_path / "whole"
    shutil.copytree(kept, whole)
    for cut in sorted({*range(80), *range(80, stored[name], 9), stored[name] - 1}):
        shutil.rmtree(tmp_path / "spool" / "quarantine")
        os.truncate(kept / name, cut)
        facts = Facts()
        again = open_spool(tmp_path, facts=facts)
        recovered = recover(again)
        assert (recovered.waiting, recovered.quarantined, recovered.unfinished) == (1, 1, 0), cut
        assert facts.codes == ["spool.quarantined"]
        assert recovered.lists_to_read_whole == ({""} if name == "manifest" else {"hipertensos"})
        assert [one.id for one in again.waiting()] == [other]
        assert len(list(again.quarantine_folder.iterdir())) == 1
        shutil.copytree(whole, kept)
    assert content_of(spool, hit) == WHOLE


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["manifest", "000000.segment", "000001.segment"]),
    place=st.integers(0, 5000),
    bit=st.integers(0, 7),
)
def test_a_flipped_bit_is_found(stored: dict[str, int], name: str, place: int, bit: int) -> None:
    def flip(hit: Path, _: Path) -> None:
        content = bytearray((hit / name).read_bytes())
        content[place % len(content)] ^= 1 << bit
        (hit / name).write_bytes(content)

    with tempfile.TemporaryDirectory() as folder:
        recovered, facts, is_there, is_other_there = damaged(Path(folder), flip)
    assert (recovered.quarantined, is_there, is_other_there) == (1, False, True)
    assert facts.codes == ["spool.quarantined"]


@settings(max_examples=20, deadline=None)
@given(name=st.sampled_from(["manifest", "000000.segment", "000001.segment"]), tail=st.binary(min_size=1, max_size=100))
def test_bytes_behind_the_end_are_found(name: str, tail: bytes) -> None:
    def lengthen(hit: Path, _: Path) -> None:
        with (hit / name).open("ab") as file:
            file.write(tail)

    with tempfile.TemporaryDirectory() as folder:
        recovered, _, is_there, _ = damaged(Path(folder), lengthen)
    assert (recovered.quarantined, is_there) == (1, False)


@pytest.mark.parametrize("name", ["000000.segment", "000001.segment"])
def test_a_segment_that_is_gone_is_told(tmp_path: Path, name: str) -> None:
    recovered, facts, is_there, _ = damaged(tmp_path, lambda hit, _: (hit / name).unlink())
    assert (recovered.quarantined, is_there, facts.codes) == (1, False, ["spool.quarantined"])


@pytest.mark.parametrize("name", ["manifest", "000000.segment"])
def test_a_folder_in_the_place_of_a_file_is_told(tmp_path: Path, name: str) -> None:
    def replace(hit: Path, _: Path) -> None:
        (hit / name).unlink()
        (hit / name).mkdir()

    recovered, _, is_there, _ = damaged(tmp_path, replace)
    assert (recovered.quarantined, is_there) == (1, False)


def test_a_reading_that_was_cut_before_its_commit_is_removed_and_told(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    kept = put(spool, WHOLE).id
    cut_reading = "import os, sys; from pathlib import Path; from tests.fleet_world.spool_world import open_spool;"
    cut_reading += "open_spool(Path(sys.argv[1])).new_sink().write(bytes(500)); os._exit(9)"
    subprocess.run([sys.executable, "-c", cut_reading, str(tmp_path)], cwd=ROOT, check=False)
    facts = Facts()
    again = open_spool(tmp_path, facts=facts)
    assert recover(again) == Recovered(1, 0, 1, frozenset())
    assert facts.codes == ["spool.unfinished"]
    assert [path.name for path in again.waiting_folder.iterdir()] == [kept]


def test_a_manifest_that_was_not_renamed_yet_commits_nothing(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    folder = spool.folder_of(put(spool, WHOLE).id)
    (folder / "manifest").rename(folder / ".manifest.1-ab")
    again = open_spool(tmp_path)
    assert recover(again) == Recovered(0, 0, 1, frozenset())
    assert list(again.waiting_folder.iterdir()) == []


def test_removing_that_was_cut_is_ended_by_the_next_start(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    folder = spool.folder_of(put(spool, WHOLE).id)
    (folder / "manifest").unlink()
    again = open_spool(tmp_path)
    assert recover(again).unfinished == 1
    assert not folder.exists()


def test_what_else_stands_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    (spool.waiting_folder / "LEIAME.txt").write_text("x")
    (spool.waiting_folder / "pasta").mkdir()
    assert recover(spool) == Recovered(0, 0, 0, frozenset())
    assert sorted(path.name for path in spool.waiting_folder.iterdir()) == ["LEIAME.txt", "pasta"]


def test_what_is_set_aside_is_bounded(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    ids = [put(spool, WHOLE).id for _ in range(25)]
    for transmission in ids:
        (spool.folder_of(transmission) / "manifest").write_bytes(b"torn")
    recover(spool)
    aside = sorted(path.name[:36] for path in spool.quarantine_folder.iterdir())
    assert aside == sorted(ids)[-spool.limits.most_quarantined :]


def test_a_killed_writer_loses_nothing_that_it_committed(tmp_path: Path) -> None:
    chance = random.Random(11)
    told: dict[str, bytes] = {}
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        wanted = chance.randint(1, 12)
        for _ in range(wanted):
            remember(told, writer.stdout.readline())
        with contextlib.suppress(ProcessLookupError):
            os.kill(writer.pid, signal.SIGKILL)
        for line in writer.stdout:
            if line.endswith("\n"):
                remember(told, line)
        writer.stdout.close()
        writer.wait()
    facts = Facts()
    spool = open_spool(tmp_path, facts=facts)
    recovered = recover(spool)
    assert recovered.quarantined == 0
    assert "spool.quarantined" not in facts.codes
    waiting = {one.id for one in spool.waiting()}
    assert set(told) <= waiting
    assert len(waiting) <= len(told) + 4
    for transmission, content in told.items():
        assert content_of(spool, transmission) == content


def remember(told: dict[str, bytes], line: str) -> None:
    transmission, number, size = line.split()
    told[transmission] = bytes([int(number)]) * int(size)
