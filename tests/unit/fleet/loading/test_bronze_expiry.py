"""What no longer stands leaves bronze after its time, and what stands is told as before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fleet_world.fleet_river import SENDINGS, START, TABLE, River, State

from afluente.engines.engine import Engine
from afluente.engines.open import open_engine
from afluente.fleet.bronze_expiry import expire
from afluente.lake.lake import Lake
from afluente.project.settings import EngineSettings

Line = tuple[str, str | None, str | None, datetime]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = open_engine(EngineSettings(threads=1), timezone="UTC", temp_folder=tmp_path_factory.mktemp("engine"))
    yield made
    made.close()


def lines(river: River) -> list[Line]:
    """The lines of bronze, without the rows that stand for a whole list."""
    rows = [row for path in river.lake.snapshot(TABLE).files for row in pq.read_table(path).to_pylist()]
    return [(row["site"], row["op"], row["cns"], row["_started_at"]) for row in rows if row["_source_row"]]


@settings(max_examples=15, deadline=None)
@given(SENDINGS, SENDINGS, st.integers(0, 14))
def test_only_old_lines_that_do_not_stand_go_and_the_river_goes_on(
    engine: Engine,
    tmp_path_factory: pytest.TempPathFactory,
    sendings: list[tuple[str, str, State, set[str]]],
    later: list[tuple[str, str, State, set[str]]],
    cut: int,
) -> None:
    river = River(Lake(str(tmp_path_factory.mktemp("lake")), project_name="t"))
    river.whole("a", {"1": "0"})
    river.play(sendings)
    before, limit = lines(river), START + timedelta(microseconds=cut)
    gone = expire(river.lake, TABLE, before=limit)
    left = lines(river)
    assert len(before) - len(left) <= gone
    assert sorted(line for line in left if line[3] >= limit) == sorted(line for line in before if line[3] >= limit)
    standing = {(site, key) for site, key, _ in river.expected()}
    assert all((site, key) in standing and op == "I" for site, op, key, at in left if at < limit)
    assert river.present(engine) == river.expected()
    version = river.lake.snapshot(TABLE).version
    assert expire(river.lake, TABLE, before=limit) == 0
    assert river.lake.snapshot(TABLE).version == version
    river.play(later)
    assert river.present(engine) == river.expected()


def test_what_spills_stays_in_the_lakes_own_place(tmp_path: Path) -> None:
    asked: list[Path] = []

    def folder() -> Path:
        asked.append(tmp_path)
        return tmp_path

    river = River(Lake(str(tmp_path / "lake"), project_name="t", temp_folder=folder))
    river.whole("a", {"1": "7"})
    river.keep()
    asked.clear()
    expire(river.lake, TABLE, before=START)
    assert asked
    assert [path.name for path in tmp_path.iterdir()] == ["lake"]


def test_a_person_who_left_the_list_leaves_bronze_after_the_time(engine: Engine, tmp_path_factory) -> None:
    river = River(Lake(str(tmp_path_factory.mktemp("lake")), project_name="t"))
    river.whole("a", {"1": "7", "2": "8"})
    river.delta("a", {}, {"2"})
    river.keep()
    assert expire(river.lake, TABLE, before=START) == 0
    assert expire(river.lake, TABLE, before=START + timedelta(days=1)) == 2
    assert [(line[1], line[2]) for line in lines(river)] == [("I", "1")]
    assert expire(river.lake, TABLE, before=START + timedelta(days=1)) == 0
