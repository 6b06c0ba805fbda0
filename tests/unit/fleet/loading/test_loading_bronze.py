from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from fleet_loading_world import COLUMNS, World, delete_line, field_text, insert_line
from hypothesis import given
from hypothesis import strategies as st

from afluente.core.tables import TableName
from afluente.fleet.bronze import LakeBronze, read_line
from afluente.fleet.landed import plain_files
from afluente.fleet.loading import Loaded
from afluente.lake.lake import Lake

TABLE = TableName("bronze", "hipertensos")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), project_name="t")


def load(world: World, lake: Lake) -> list[Loaded]:
    async def go() -> list[Loaded]:
        async with world.central() as central:
            return await world.loader(central, bronze=LakeBronze(lake, clock=world.clock)).load_due()

    return asyncio.run(go())


def kept(lake: Lake, columns: Sequence[str]) -> list[tuple[object, ...]]:
    import pyarrow.parquet as pq

    found = []
    for file in lake.snapshot(TABLE).live:
        table = pq.read_table(
            f"{lake.address(TABLE)}/{file}" if isinstance(file, str) else f"{lake.address(TABLE)}/{file.path}"
        )
        found += [tuple(row[name] for name in columns) for row in table.to_pylist()]
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


def test_a_transmission_kept_again_stands_once(world: World, lake: Lake) -> None:
    world.land("s1", [insert_line(["1", "a", "1"])])
    world.land("s2", [insert_line(["1", "a", "1"])])
    load(world, lake)
    version = lake.snapshot(TABLE).version
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE transmissions SET state = 'loading', due_at = NULL")
    assert [one.state for one in load(world, lake)] == ["loaded", "loaded"]
    assert lake.snapshot(TABLE).version == version
    assert len(kept(lake, ["_source"])) == 2


def test_a_list_with_more_columns_widens_bronze_and_one_with_fewer_leaves_nulls(world: World, lake: Lake) -> None:
    world.land("s1", [insert_line(["1", "a", "1"])])
    world.land("s1", [insert_line(["1", "a", "1", "x"])], columns=[*COLUMNS, "extra"], schema="s2")
    load(world, lake)
    world.land("s1", [insert_line(["1", "b"])], columns=["cns", "nome"], schema="s3")
    load(world, lake)
    assert len(kept(lake, ["_source"])) == 3
    assert lake.snapshot(TABLE).schema.names[-1] == "extra"


def test_a_refused_transmission_does_not_reach_bronze(world: World, lake: Lake) -> None:
    world.land("s1", [insert_line(["1", "a", "1"])] * 2)
    load(world, lake)
    assert not lake.exists(TABLE)


def test_an_empty_list_is_kept_as_a_commit_without_rows(world: World, lake: Lake) -> None:
    world.land("s1", [])
    assert [one.state for one in load(world, lake)] == ["loaded"]
    assert kept(lake, ["_source"]) == []


@given(st.lists(st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1))
def test_values_come_out_of_their_line_as_they_went_in(values: list[str | None]) -> None:
    assert read_line(b"\t".join(field_text(value) for value in values)) == values


def test_a_path_out_of_the_landing_is_not_opened(tmp_path: Path) -> None:
    from afluente.fleet.refusal import FleetError

    (tmp_path / "landing").mkdir()
    (tmp_path / "secret").write_bytes(b"x")
    with pytest.raises(FleetError, match="outside"):
        plain_files(tmp_path / "landing")("../secret")
