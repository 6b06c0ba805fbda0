"""A run with a memory limit far below what its rows need spills to the project's folder and gives equal tables."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import duckdb
import pytest

from tests.e2e.grown import COMMAND, IS_FULL, assert_equal_lakes, make_project, run, tables

TRIES = 3
"""What is spilled for moments only may be missed."""


def spilled_bytes(folder: Path) -> int:
    """What lies in the spill folder at this moment; DuckDB clears it as it goes."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(place) / name).stat().st_size
            except FileNotFoundError:
                continue
    return total


def run_watched(project: Path) -> tuple[int, str]:
    """Runs the project; the most bytes seen in its spill folder, and what the command said."""
    most = 0
    said = project / "said.txt"
    with said.open("wb") as stream:
        process = subprocess.Popen([COMMAND, "-C", str(project), "run"], stdout=stream, stderr=stream)
        while process.poll() is None:
            most = max(most, spilled_bytes(project / ".afluente" / "spill"))
            time.sleep(0.02)
    text = said.read_text(encoding="utf-8")
    assert process.returncode == 0, text
    return most, text


def check_limit(folder: Path, *, rows: int, limit: str) -> None:
    free = make_project("ouchhungry", folder / "free", rows=rows)
    engine = f"{{duckdb: {{memory_limit: {limit}, threads: 2}}}}"
    run(free)
    for attempt in range(TRIES):
        bound = make_project("ouchhungry", folder / f"bound{attempt}", rows=rows, engine=engine)
        most, said = run_watched(bound)
        assert f"engine duckdb {duckdb.__version__}" in said
        if most:
            break
    assert most > 0, "nothing was spilled"
    assert not spilled_bytes(bound / ".afluente" / "spill"), "the spill folder is left empty"
    assert_equal_lakes(tables(str(bound / "lake")), tables(str(free / "lake")))


def test_a_small_limit_spills_and_gives_equal_tables(tmp_path: Path) -> None:
    check_limit(tmp_path, rows=120_000, limit="128MB")


@pytest.mark.proof
def test_a_million_rows_finish_under_400_megabytes(tmp_path: Path) -> None:
    if not IS_FULL:
        pytest.skip("a million rows are a slow proof: AFLUENTE_PROOF=full")
    check_limit(tmp_path, rows=1_000_000, limit="400MB")
