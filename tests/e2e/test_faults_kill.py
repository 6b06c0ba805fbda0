"""`afluente run` killed with SIGKILL again and again leaves, in the end, the tables of an undisturbed run.

A sample of the kills by default; all of them with AFLUENTE_PROOF=full. AFLUENTE_FAULT_REPORT names a file that gets the
number of kills by what the run was doing.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from loja import Supply, assert_equal, finish, make_loja, put, start, tables

from afluente.state import runs_table, steps_table
from afluente.state.database import open_state

IS_FULL = os.environ.get("AFLUENTE_PROOF") == "full"
KILLS = 104 if IS_FULL else 10
ROWS = 60
SEED = 20260302
PATTERNS = {
    "landed": "landing/*/*/*/*",
    "rows written": "bronze/*/*.parquet",
    "bronze committed": "bronze/*/_delta_log/*.json",
    "refused committed": "quarantine/*/_delta_log/*.json",
    "silver written": "silver/*/**/*.parquet",
    "silver committed": "silver/*/_delta_log/*.json",
    "gold committed": "gold/*/_delta_log/*.json",
}

Waiting = Callable[[subprocess.Popen[str]], None]


def after(seconds: float) -> Waiting:
    def wait(process: subprocess.Popen[str]) -> None:
        ends = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < ends:
            time.sleep(0.001)

    return wait


def until_new(folder: Path, pattern: str, count: int, seconds_later: float) -> Waiting:
    """Wait until so many more files match, and a moment longer."""

    def wait(process: subprocess.Popen[str]) -> None:
        before = len(list(folder.glob(pattern)))
        while process.poll() is None and len(list(folder.glob(pattern))) < before + count:
            time.sleep(0.01)
        after(seconds_later)(process)

    return wait


class Deliveries:
    """New files for every run, and now and then an earlier one with other rows, or the same rows under another name."""

    def __init__(self) -> None:
        self._supply = Supply(SEED, rows=ROWS)
        self._last: dict[str, bytes] = {}
        self.count = 0

    def bring(self, folder: Path) -> None:
        number = self.count
        files = self._supply.wave(number)
        if number:
            changed = ("itens", "precos", "clientes")[number % 3]
            files[f"{changed}_{number - 1:02}.csv"] = self._supply.file(changed)
            files[f"visitas_{number:02}_copia.csv"] = self._last[f"visitas_{number - 1:02}.csv"]
        put(folder, files)
        self._last = files
        self.count += 1


def phase(folder: Path) -> str:
    """What the newest run was doing when its process died."""
    if not (folder / ".afluente" / "state.db").exists():
        return "opening"
    with open_state("sqlite:///.afluente/state.db", folder) as database, database.read() as connection:
        runs = runs_table.newest(connection)
        steps = [] if not runs else steps_table.of_run(connection, runs[0].id)
    if not runs or runs[0].status == "done":
        return "opening"
    running = sorted({step.kind for step in steps if step.status == "running"})
    return " and ".join(running) or "between steps"


@pytest.mark.proof
def test_killed_runs_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    calm, rough = make_loja(tmp_path / "calm"), make_loja(tmp_path / "rough")
    kills, count = disturbed(rough)
    undisturbed(calm, count)
    assert sum(kills.values()) == KILLS
    assert_equal(tables(rough / "lake"), tables(calm / "lake"))
    if report := os.environ.get("AFLUENTE_FAULT_REPORT"):
        Path(report).write_text(json.dumps(kills, indent=1), encoding="utf-8")


def undisturbed(folder: Path, count: int) -> None:
    """So many deliveries in two runs, the first of half of them."""
    deliveries = Deliveries()
    for until in (count // 2, count):
        while deliveries.count < until:
            deliveries.bring(folder)
        status, _, stderr = finish(folder)
        assert status == 0, stderr


def disturbed(folder: Path) -> tuple[Counter[str], int]:
    """Runs killed at chosen and at random points, new files coming in between; the kills and the deliveries."""
    chance = random.Random(SEED)
    kills: Counter[str] = Counter()
    deliveries = Deliveries()
    deliveries.bring(folder)
    points: list[str] = []
    longest = 0.0
    while sum(kills.values()) < KILLS:
        points = points or chance.sample([*PATTERNS, *["any time"] * 4], len(PATTERNS) + 4)
        point = points.pop()
        wait = after(chance.uniform(0, longest or 3.0))
        if point in PATTERNS:
            wait = until_new(folder / "lake", PATTERNS[point], chance.randint(1, 3), chance.choice([0, 0.01, 0.05]))
        began = time.monotonic()
        process = start(folder)
        wait(process)
        process.send_signal(signal.SIGKILL)
        _, stderr = process.communicate()
        is_killed = process.returncode == -signal.SIGKILL
        assert is_killed or process.returncode == 0, stderr
        if is_killed:
            kills[phase(folder)] += 1
        else:
            longest = max(longest, time.monotonic() - began)
        if not is_killed or chance.random() < 0.2:
            deliveries.bring(folder)
    status, _, stderr = finish(folder)
    assert status == 0, stderr
    return kills, deliveries.count
