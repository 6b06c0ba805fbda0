from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from fleet_loading_world import COLUMNS, World, delete_line, field_text, insert_line, plain_files
from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.core.tables import TableName
from afluente.fleet.bronze import LakeBronze
from afluente.fleet.bronze_rows import read_lines
from afluente.fleet.loading import Loaded
from afluente.fleet.transmission import Transmission, read_transmission
from afluente.lake.lake import Lake
from afluente.state.fleet_schema import TRANSMISSIONS

TABLE = TableName("bronze", "hipertensos")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), project_name="t")


def load(world: World, lake: Lake) -> list[Loaded]:
    async def go() -> list[Loaded]:
        async with world.central() as central:
            return await world.loader(central, into_bronze=True).load_due()

    ended = asyncio.run(go())
    world.keeper(lake).keep_due(is_all=True)
    return ended


def transmissions(world: World) -> list[Transmission]:
    with world.database.read() as connection:
        return [read_transmission(row) for row in connection.execute(sa.select(TRANSMISSIONS))]


def kept(lake: Lake, columns: Sequence[str]) -> list[tuple[object, ...]]:
    import pyarrow.parquet as pq

    found = []
    for file in lake.snapshot(TABLE).live:
        table = pq.read_table(f"{lake.address(TABLE)}/{file.path}")
        found += [tuple(row.get(name) for name in columns) for row in table.to_pylist()]
    return sorted(found, key=str)


def test_a_loaded_transmission_stands_in_bronze_with_its_origin(world: World, lake: Lake) -> None:
    base = world.land("s1", [insert_line(["1", "a\tb", None]), insert_line(["2", "c", "3"])])
    delta = world.land("s1", [delete_line("1")], kind="delta", base=base)
    assert [one.state for one in load(world, lake)] == ["loaded", "loaded"]
    assert kept(lake, ["_source", "_source_row", "_kind", "op", "site", *COLUMNS]) == sorted(
        [
            (base, 1, "full", "I", "s1", "1", "a\tb", None),
            (base, 2, "full", "I", "s1", "2", "c", "3"),
            (delta, 1, "delta", "D", "s1", None, None, None),
        ],
        key=str,
    )


def test_transmissions_kept_again_stand_once(world: World, lake: Lake) -> None:
    one = world.land("s1", [insert_line(["1", "a", "1"])])
    world.land("s2", [insert_line(["1", "a", "1"])])
    load(world, lake)
    version = lake.snapshot(TABLE).version
    batch = transmissions(world)
    again = LakeBronze(lake, clock=world.clock).keep(batch, plain_files(world.landing))
    assert (set(again.kept), again.committed) == ({found.id for found in batch}, None)
    assert lake.snapshot(TABLE).version == version
    later = world.land("s1", [], kind="delta", base=one)
    LakeBronze(lake, clock=world.clock).keep(transmissions(world), plain_files(world.landing))
    assert len(kept(lake, ["_source"])) == 2
    assert later in {found.id for found in transmissions(world)}


def test_a_list_with_more_columns_widens_bronze_and_one_with_fewer_leaves_nulls(world: World, lake: Lake) -> None:
    world.land("s1", [insert_line(["1", "a", "1"])])
    load(world, lake)
    world.land("s1", [insert_line(["1", "a", "1", "x"])], columns=[*COLUMNS, "extra"], schema="s2")
    load(world, lake)
    world.land("s1", [insert_line(["1", "b"])], columns=["cns", "nome"], schema="s3")
    load(world, lake)
    assert len(kept(lake, ["_source"])) == 3
    assert {*COLUMNS, "extra"} <= set(lake.snapshot(TABLE).schema.names)


def test_a_refused_transmission_does_not_reach_bronze(world: World, lake: Lake) -> None:
    world.land("s1", [insert_line(["1", "a", "1"])] * 2)
    load(world, lake)
    assert not lake.exists(TABLE)


def test_an_empty_whole_list_is_one_row_that_says_so(world: World, lake: Lake) -> None:
    whole = world.land("s1", [])
    world.land("s1", [], kind="delta", base=whole)
    assert [one.state for one in load(world, lake)] == ["loaded", "loaded"]
    assert kept(lake, ["_source", "_source_row", "_kind", "op"]) == [(whole, 0, "full", None)]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=3, max_size=3),
        min_size=1,
        max_size=5,
    )
)
def test_values_come_out_of_their_lines_as_they_went_in(rows: list[list[str | None]]) -> None:
    lines = b"".join(b"\t".join(field_text(value) for value in row) + b"\n" for row in rows)
    read = read_lines(lines, ["a", "b", "c"])
    assert [[row["a"], row["b"], row["c"]] for row in read.to_pylist()] == rows
