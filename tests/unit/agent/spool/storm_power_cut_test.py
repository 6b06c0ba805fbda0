"""The power cut of the storm: it takes what was not forced to the disk, and nothing else."""

from __future__ import annotations

import multiprocessing
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fleet_world import storm_ledger
from tests.fleet_world.storm_power_cut import PowerCut

from afluente_agent import durable

SEEDS = 40
Work = Callable[[Path], None]


def force(folder: Path) -> None:
    durable.replace(folder / "a" / "b" / "kept", b"first")
    durable.replace(folder / "a" / "b" / "kept", b"second")


def force_nothing(folder: Path) -> None:
    (folder / "old").rename(folder / "new")
    (folder / "written").write_bytes(b"x" * 1000)
    (folder / "removed").unlink()


def work_at_all(folder: Path, work: Work) -> None:
    for seed in range(SEEDS):
        storm_ledger.keep(folder / f"ledger{seed}")
        work(folder / str(seed))


def die_at_the_third(folder: Path, *, is_after: bool) -> None:
    storm_ledger.keep(folder / "ledger")
    storm_ledger.aim(folder / "ledger", 3, is_after=is_after)
    for number in range(3):
        durable.replace(folder / str(number), b"x")


def in_a_process(work: Callable[..., None], *arguments: object, **options: object) -> int | None:
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments, kwargs=options)
    process.start()
    process.join()
    return process.exitcode


def after_cuts(folder: Path, work: Work) -> list[dict[str, bytes]]:
    """What stands in the folder after the work and a power cut, for each seed."""
    for seed in range(SEEDS):
        data, ledger = folder / str(seed), folder / f"ledger{seed}"
        for made in (data, ledger / "files", ledger / "folders"):
            made.mkdir(parents=True)
        (data / "old").write_bytes(b"old")
        (data / "removed").write_bytes(b"removed")
        storm_ledger.record_all(ledger, data)
    assert in_a_process(work_at_all, folder, work) == 0
    found = []
    for seed in range(SEEDS):
        data = folder / str(seed)
        PowerCut(folder / f"ledger{seed}", random.Random(seed)).strike(data)
        found.append({str(path.relative_to(data)): path.read_bytes() for path in data.rglob("*") if path.is_file()})
    return found


def test_what_was_forced_outlives_every_power_cut(tmp_path: Path) -> None:
    for stands in after_cuts(tmp_path, force):
        assert stands == {"a/b/kept": b"second", "old": b"old", "removed": b"removed"}


def test_what_was_not_forced_is_lost_torn_or_undone_by_some(tmp_path: Path) -> None:
    found = after_cuts(tmp_path, force_nothing)
    assert {frozenset(stands) & {"old", "new"} for stands in found} == {frozenset({"old"}), frozenset({"new"})}
    assert {"removed" in stands for stands in found} == {True, False}
    written = [stands.get("written") for stands in found]
    assert None in written
    assert b"" in written
    assert b"x" * 1000 in written
    assert any(content and content.endswith(b"\0") for content in written)
    assert all(stands.get("old", stands.get("new")) == b"old" for stands in found)


@pytest.mark.parametrize("is_after", [False, True])
def test_a_process_dies_at_the_call_that_was_aimed_at(tmp_path: Path, is_after: bool) -> None:
    assert in_a_process(die_at_the_third, tmp_path, is_after=is_after) == -signal.SIGKILL
    assert [path.name for path in tmp_path.glob("[0-9]")] == ["0"]
    assert len(list((tmp_path / "ledger" / "files").iterdir())) == (2 if is_after else 1)
