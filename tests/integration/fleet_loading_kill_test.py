"""Loaders killed at random moments: every transmission is loaded once, in the central database and in bronze."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from tests.unit.fleet.loading.fleet_loading_world import World, delete_line, insert_line

from afluente.core.tables import TableName
from afluente.lake.lake import Lake
from afluente.state.database import open_state
from afluente.state.fleet_schema import TRANSMISSIONS

ROOT = Path(__file__).parents[2]
PROCESS = Path(__file__).with_name("fleet_loading_process.py")
IS_FULL = os.environ.get("AFLUENTE_PROOF") == "full"
SITES, DAYS, ROWS = (8, 30, 40) if IS_FULL else (3, 5, 40)
MOST_KILLS = 120 if IS_FULL else 8


@pytest.fixture
def dsn(new_postgres: Callable[..., str]) -> str:
    return new_postgres()


@pytest.fixture
def world(tmp_path: Path, dsn: str) -> Iterator[World]:
    with open_state("sqlite:///state.db", tmp_path) as database:
        yield World(database, dsn, tmp_path)


def land_days(world: World) -> dict[str, dict[str, str]]:
    """Each site's list for some days, whole on the first and as deltas then; what stands at the end."""
    chance = random.Random(3)
    expected = {}
    for site in (f"s{number}" for number in range(SITES)):
        world.add_sites(site)
        stands = {str(row): "0" for row in range(ROWS)}
        base = world.land(site, [insert_line([key, value, None]) for key, value in stands.items()])
        for day in range(1, DAYS):
            gone = set(chance.sample(sorted(stands), 3))
            kept = chance.sample(sorted(set(stands) - gone), 4)
            changed = dict.fromkeys((*kept, *(f"{day}-{new}" for new in range(3))), str(day))
            stands = {key: value for key, value in (stands | changed).items() if key not in gone}
            lines = [insert_line([key, value, None]) for key, value in changed.items()]
            base = world.land(site, [*lines, *map(delete_line, sorted(gone))], kind="delta", base=base)
        expected[site] = stands
    return expected


def is_open(world: World) -> bool:
    with world.database.read() as connection:
        query = sa.select(sa.func.count()).where(TRANSMISSIONS.c.state.in_(("landed", "loading")))
        return bool(connection.execute(query).scalar_one()) or bool(world.queued())


def test_loaders_killed_at_random_load_every_transmission_once(world: World, dsn: str, tmp_path: Path) -> None:
    expected = land_days(world)
    chance = random.Random(11)
    kills = 0
    deadline = time.monotonic() + 900
    while is_open(world) and time.monotonic() < deadline:
        processes = [
            subprocess.Popen(
                [sys.executable, str(PROCESS), str(tmp_path), dsn],
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            for _ in range(2)
        ]
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        end = time.monotonic() + (chance.uniform(0.05, 1.2) if kills < MOST_KILLS else 60)
        while is_open(world) and time.monotonic() < end:
            time.sleep(0.02)
        for process in processes:
            process.kill()
            process.communicate()
        kills += 1
    print(f"{kills} times two loaders killed")  # noqa: T201 - what the proof shows
    assert not is_open(world)
    with world.database.read() as connection:
        states = connection.execute(sa.select(TRANSMISSIONS.c.state, TRANSMISSIONS.c.error_code)).all()
    assert set(states) == {("loaded", None)}
    with psycopg.connect(dsn) as connection:
        loads = connection.execute("SELECT count(*), count(DISTINCT transmission_id) FROM afluente_loads").fetchone()
        held = connection.execute("SELECT site, cns, nome FROM hipertensos").fetchall()
    assert loads == (SITES * DAYS, SITES * DAYS)
    assert {site: {key: value for owner, key, value in held if owner == site} for site in expected} == expected
    assert len(held) == sum(map(len, expected.values()))
    lines = SITES * (ROWS + (DAYS - 1) * 10)
    assert bronze_rows(tmp_path) == (lines, lines)


def bronze_rows(folder: Path) -> tuple[int, int]:
    """Rows of bronze, and distinct ones by their origin."""
    import pyarrow.parquet as pq

    lake, table = Lake(str(folder / "lake"), project_name="t"), TableName("bronze", "hipertensos")
    origins = []
    for file in lake.snapshot(table).live:
        read = pq.read_table(f"{lake.address(table)}/{file.path}", columns=["_source", "_source_row"])
        origins += [(row["_source"], row["_source_row"]) for row in read.to_pylist()]
    return len(origins), len(set(origins))
