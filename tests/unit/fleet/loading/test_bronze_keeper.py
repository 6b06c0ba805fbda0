"""Batches of bronze: many transmissions in one commit, each once, and none held up by another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from fleet_loading_world import World, delete_line, insert_line, plain_files

from afluente.core.tables import TableName
from afluente.fleet import bronze_queue
from afluente.fleet.bronze import LakeBronze
from afluente.fleet.bronze_keeper import BronzeKeeper
from afluente.fleet.retention import RetentionPolicy, retain
from afluente.fleet.transmission import Transmission, read_transmission
from afluente.lake.lake import Lake
from afluente.state import audit_chain
from afluente.state.database import Database
from afluente.state.fleet_schema import TRANSMISSIONS

TABLE = TableName("bronze", "hipertensos")


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return World(database, "", tmp_path)


@pytest.fixture
def lake(world: World, tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), project_name="t", clock=world.clock)


def loaded(world: World, site: str, keys: str = "1", **named: object) -> str:
    """A transmission that the central database has taken: a line for each letter of `keys`."""
    name = world.land(site, [insert_line([key, "a", None]) for key in keys], state="loaded", **named)
    with world.database.write() as connection:
        bronze_queue.put(connection, transmission(world, name), at=world.clock.now())
    return name


def transmission(world: World, name: str) -> Transmission:
    with world.database.read() as connection:
        return read_transmission(connection.execute(sa.select(TRANSMISSIONS).where(TRANSMISSIONS.c.id == name)).one())


def lines(lake: Lake) -> Counter[str]:
    """How many lines stand of each transmission."""
    found: Counter[str] = Counter()
    for path in lake.snapshot(TABLE).files:
        found.update(pq.read_table(path, columns=["_source"]).column("_source").to_pylist())
    return found


def test_what_waits_of_many_sites_is_one_commit_and_one_file(world: World, lake: Lake) -> None:
    sites = [f"s{number}" for number in range(60)]
    world.add_sites(*sites)
    sent = {loaded(world, site, "12"): 2 for site in sites}
    assert world.keeper(lake).keep_due(is_all=True) == len(sites)
    snapshot = lake.snapshot(TABLE)
    assert (snapshot.version, len(snapshot.live), lines(lake)) == (0, 1, sent)
    assert world.queued() == set()


def test_a_batch_waits_for_count_bytes_or_age(world: World, lake: Lake) -> None:
    world.add_sites("s1", "s2", "s3", "s4")
    keeper = world.keeper(lake, batch_transmissions=3, age_seconds=60)
    first, second = loaded(world, "s1"), loaded(world, "s2")
    assert keeper.keep_due() == 0
    third = loaded(world, "s3")
    assert keeper.keep_due() == 3
    fourth = loaded(world, "s4")
    assert keeper.keep_due() == 0
    world.later(seconds=61)
    assert keeper.keep_due() == 1
    fifth = loaded(world, "s1")
    assert world.keeper(lake, batch_bytes=10).keep_due() == 1
    assert lines(lake) == dict.fromkeys((first, second, third, fourth, fifth), 1)


def test_batches_are_cut_in_the_order_in_which_transmissions_began(world: World, lake: Lake) -> None:
    world.add_sites("s1", "s2")
    sent = [loaded(world, site) for _ in range(4) for site in ("s1", "s2")]
    assert world.keeper(lake, batch_transmissions=3).keep_due(is_all=True) == len(sent)
    assert lake.snapshot(TABLE).version == 2
    assert lines(lake) == dict.fromkeys(sent, 1)


def test_a_file_that_cannot_be_read_holds_up_only_its_own_site(world: World, lake: Lake) -> None:
    world.add_sites("s1", "s2")
    broken, waits, well = loaded(world, "s1"), loaded(world, "s1"), loaded(world, "s2")
    aside = (world.landing / broken).rename(world.folder / "aside")
    keeper = world.keeper(lake)
    assert keeper.keep_due(is_all=True) == 1
    assert (lines(lake), world.queued()) == ({well: 1}, {broken, waits})
    other = loaded(world, "s2")
    assert keeper.keep_due(is_all=True) == 1
    assert lines(lake) == {well: 1, other: 1}
    aside.rename(world.landing / broken)
    world.later(seconds=3600)
    assert keeper.keep_due(is_all=True) == 2
    assert lines(lake) == dict.fromkeys((broken, waits, well, other), 1)


def test_a_defect_met_with_one_transmission_holds_up_only_its_own_site(world: World, lake: Lake) -> None:
    world.add_sites("s1", "s2", "s3")
    well, defect, waits, after = (loaded(world, site) for site in ("s1", "s2", "s2", "s3"))
    files = plain_files(world.landing)

    @contextmanager
    def opened(path: str) -> Iterator[BinaryIO]:
        if path == defect:
            raise ZeroDivisionError
        with files(path) as stream:
            yield stream

    keeper = BronzeKeeper(world.database, lake, clock=world.clock, open_landed=opened)
    assert keeper.keep_due(is_all=True) == 2
    assert (lines(lake), world.queued()) == ({well: 1, after: 1}, {defect, waits})
    world.later(seconds=60)
    assert world.keeper(lake).keep_due(is_all=True) == 2
    assert lines(lake) == dict.fromkeys((well, defect, waits, after), 1)


def test_what_stays_unreadable_becomes_a_fact_once(world: World, lake: Lake) -> None:
    world.add_sites("s1")
    (world.landing / loaded(world, "s1")).unlink()
    keeper = world.keeper(lake, stuck_after_attempts=3)
    for _ in range(5):
        keeper.keep_due(is_all=True)
        world.later(seconds=4000)
    assert [(site, evidence["code"]) for site, _, evidence in world.facts()] == [("s1", "landing.missing")]


def test_a_lake_that_fails_keeps_everything_waiting(world: World, lake: Lake, tmp_path: Path) -> None:
    world.add_sites("s1")
    sent = loaded(world, "s1")
    (tmp_path / "lake").write_text("no folder")
    keeper = world.keeper(lake)
    assert (keeper.keep_due(is_all=True), world.queued()) == (0, {sent})
    (tmp_path / "lake").unlink()
    world.later(seconds=60)
    assert (keeper.keep_due(is_all=True), world.queued()) == (1, set())
    assert lines(lake) == {sent: 1}


def test_a_list_is_written_by_one_process_until_its_turn_runs_out(world: World, lake: Lake) -> None:
    world.add_sites("s1")
    sent = loaded(world, "s1")
    at = world.clock.now()
    with world.database.write() as connection:
        assert bronze_queue.take_turn(connection, "hipertensos", worker="other", at=at, lease_seconds=100)
    assert world.keeper(lake).keep_due(is_all=True) == 0
    world.later(seconds=101)
    assert world.keeper(lake).keep_due(is_all=True) == 1
    assert lines(lake) == {sent: 1}


def test_a_batch_that_meets_another_half_way_writes_only_what_is_left(world: World, lake: Lake) -> None:
    """The other process commits part of the batch, and a later one of the same site, while ours is being written."""
    world.add_sites("s1", "s2", "s3")
    names = [loaded(world, "s1"), loaded(world, "s2"), loaded(world, "s3"), loaded(world, "s1")]
    batch = [transmission(world, name) for name in names]
    files = plain_files(world.landing)
    other = LakeBronze(lake, clock=world.clock)
    LakeBronze(lake, clock=world.clock).keep([transmission(world, loaded(world, "s3"))], files)
    before = set(lines(lake))
    met: list[str] = []

    @contextmanager
    def opened(path: str) -> Iterator[BinaryIO]:
        if not met:
            met.append(path)
            other.keep([batch[0]], files)
            other.keep([batch[1], batch[3]], files)
        with files(path) as stream:
            yield stream

    done = LakeBronze(lake, clock=world.clock).keep([batch[0], batch[1]], opened)
    assert set(done.kept) == {names[0], names[1]}
    LakeBronze(lake, clock=world.clock).keep(batch, files)
    assert {name: count for name, count in lines(lake).items() if name not in before} == dict.fromkeys(
        (names[0], names[1], names[3]), 1
    )


def test_small_files_are_joined_and_old_ones_deleted_without_a_change_for_readers(world: World, lake: Lake) -> None:
    world.add_sites("s1")
    keeper = world.keeper(lake, compact_files=4, compact_seconds=3600, history_hours=0)
    sent = []
    for _ in range(5):
        sent.append(loaded(world, "s1", "12"))
        keeper.keep_due(is_all=True)
    version = lake.snapshot(TABLE).version
    assert keeper.compact_due() == 1
    after = lake.snapshot(TABLE)
    assert (len(after.live), after.rows, lines(lake)) == (1, 10, dict.fromkeys(sent, 2))
    assert lake.changes(TABLE, version).is_empty
    assert keeper.compact_due() == 0
    base = loaded(world, "s1", "3", kind="delta", base=sent[-1])
    keeper.keep_due(is_all=True)
    assert lines(lake)[base] == 1


def test_lines_that_stand_no_more_are_deleted_after_their_days_files_and_all(world: World, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"), project_name="t")
    world.add_sites("s1")
    base = loaded(world, "s1", "12")
    keeper = world.keeper(lake, expire_days=30, history_hours=0, compact_seconds=3600)
    keeper.keep_due(is_all=True)
    whole = loaded(world, "s1", "1")
    keeper.keep_due(is_all=True)
    keeper.compact_due()
    assert lines(lake)[base] == 2
    world.later(seconds=31 * 86400)
    assert keeper.compact_due() == 1
    assert base not in lines(lake)
    assert lines(lake)[whole] == 2
    with world.database.read() as connection:
        (told,) = audit_chain.entries(connection, subject="bronze.hipertensos")
    assert (told.action, told.payload) == ("retention.expired", {"lines": 2})
    kept = {path for path in Path(lake.address(TABLE)).rglob("*.parquet") if "_delta_log" not in path.parts}
    assert kept == {Path(path) for path in lake.snapshot(TABLE).files}


def test_a_landed_file_that_waits_for_bronze_is_not_deleted_by_retention(world: World, lake: Lake) -> None:
    world.add_sites("s1")
    sent = loaded(world, "s1", loaded_at=world.clock.now())
    world.later(seconds=30 * 86400)
    policy = RetentionPolicy(landing_days=7)
    assert retain(world.database, world.landing, policy, clock=world.clock).files == 0
    world.keeper(lake).keep_due(is_all=True)
    assert retain(world.database, world.landing, policy, clock=world.clock).files == 1
    assert lines(lake) == {sent: 1}


def test_lines_that_take_rows_away_are_kept_as_they_came(world: World, lake: Lake) -> None:
    world.add_sites("s1")
    base = loaded(world, "s1", "12")
    delta = world.land("s1", [delete_line("1")], kind="delta", base=base, state="loaded")
    with world.database.write() as connection:
        bronze_queue.put(connection, transmission(world, delta), at=world.clock.now())
    world.keeper(lake).keep_due(is_all=True)
    read = [row for path in lake.snapshot(TABLE).files for row in pq.read_table(path).to_pylist()]
    assert sorted((row["_source"] == delta, row["op"], row["cns"]) for row in read if row["op"] == "D") == [
        (True, "D", None)
    ]
    assert {row["_started_at"] for row in read} == {transmission(world, name).started_at for name in (base, delta)}
