"""Snapshots, time travel, changes, tables of others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from afluente.core.errors import LakeError
from afluente.core.tables import TableName
from afluente.lake import Lake
from lake_hand import SCHEMA, TABLE, Hand

ONE = {"id": 1, "uf": "SP", "valor": Decimal("1.50")}
TWO = {"id": 2, "uf": "RJ", "valor": None}


def code_of(call: object, *arguments: object) -> str:
    with pytest.raises(LakeError) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code


def test_a_snapshot_stays_what_it_was(lake: Lake, hand: Hand) -> None:
    hand.write("append", [ONE])
    pinned = lake.snapshot(TABLE)
    hand.write("replace", [TWO])
    lake.vacuum(TABLE, dry_run=False)
    assert pinned.arrow().read_all().to_pylist() == [ONE]
    assert (pinned.version, pinned.rows, pinned.schema) == (0, 1, SCHEMA)
    assert pinned.size_bytes == sum(Path(file).stat().st_size for file in pinned.files)


def test_time_travel_by_version_and_by_moment(lake: Lake, hand: Hand) -> None:
    hand.write("append", [ONE])
    first = lake.snapshot(TABLE).committed_at
    hand.write("replace", [TWO])
    assert hand.rows(0) == [ONE]
    assert lake.snapshot(TABLE, first).version == 0
    assert lake.snapshot(TABLE, datetime.now(UTC) + timedelta(hours=1)).version == 1
    assert code_of(lake.snapshot, TABLE, first - timedelta(days=1)) == "lake.version_missing"
    assert code_of(lake.snapshot, TABLE, 2) == "lake.version_missing"
    assert code_of(lake.snapshot, TABLE, -1) == "lake.version_missing"


def test_a_missing_table_names_the_nearest(lake: Lake, hand: Hand) -> None:
    hand.write("append", [ONE])
    with pytest.raises(LakeError) as caught:
        lake.snapshot(TableName("silver", "venda"))
    assert caught.value.code == "lake.table_missing"
    assert caught.value.hint == "did you mean 'silver.vendas'?"


def test_tables_are_listed_and_other_folders_passed_over(lake: Lake, hand: Hand, tmp_path: Path) -> None:
    assert lake.tables() == []
    hand.write("append", [ONE])
    Hand(lake, table=TableName("gold", "a")).write("append", [])
    (tmp_path / "lago/gold/rascunho").mkdir()
    (tmp_path / "lago/gold/Não é tabela/_delta_log").mkdir(parents=True)
    (tmp_path / "lago/landing/x").mkdir(parents=True)
    assert [str(table) for table in lake.tables()] == ["gold.a", "silver.vendas"]


def test_files_of_an_attempt_that_died_do_not_make_a_table(lake: Lake, hand: Hand) -> None:
    plan = hand.plan(None, "append", [ONE])
    assert lake.find(TABLE) is None
    lake.commit(plan)
    assert hand.rows() == [ONE]


def test_changes_are_the_appended_files(lake: Lake, hand: Hand) -> None:
    hand.write("append", [ONE])
    hand.write("append", [TWO])
    lake.optimize(TABLE)
    new = lake.changes(TABLE, 0)
    assert (new.is_append_only, new.rows, new.to_version, new.has_new_schema) == (True, 1, 2, False)
    assert pq.read_table(new.files[0])["id"].to_pylist() == [2]
    assert lake.changes(TABLE, 2).is_empty
    assert lake.changes(TABLE, 0, 0).is_empty
    assert lake.changes(TABLE, -1).rows == 2


def test_changes_whose_compacted_files_are_gone_are_not_told(lake: Lake, hand: Hand) -> None:
    hand.write("append", [ONE])
    hand.write("append", [TWO])
    lake.optimize(TABLE)
    lake.vacuum(TABLE, 0, dry_run=False)
    new = lake.changes(TABLE, 0)
    assert (new.is_append_only, new.files) == (False, ())


def test_rows_taken_out_are_told(lake: Lake, hand: Hand) -> None:
    hand.write("append", [ONE])
    hand.write("upsert", [{**ONE, "uf": "BA"}], keys=["id"])
    assert not lake.changes(TABLE, 0).is_append_only
    assert lake.changes(TABLE, -1).rows == 1


def test_a_log_that_was_cut_is_an_error_with_a_hint(lake: Lake, hand: Hand) -> None:
    hand.write("append", [ONE])
    log = Path(lake.address(TABLE)) / "_delta_log" / f"{0:020d}.json"
    log.write_bytes(log.read_bytes()[:300])
    with pytest.raises(LakeError) as caught:
        lake.snapshot(TABLE)
    assert caught.value.code == "lake.log_corrupted"
    assert caught.value.hint


def foreign(lake: Lake, configuration: dict[str, str]) -> None:
    from deltalake import DeltaTable, Schema

    DeltaTable.create(lake.address(TABLE), Schema.from_arrow(SCHEMA), configuration=configuration, storage_options={})


@pytest.mark.parametrize(
    "configuration",
    [
        {"delta.enableChangeDataFeed": "true"},
        {"delta.appendOnly": "true"},
        {"delta.enableDeletionVectors": "true"},
    ],
)
def test_a_table_of_others_is_scanned_and_never_written(lake: Lake, hand: Hand, configuration: dict[str, str]) -> None:
    foreign(lake, configuration)
    snapshot = lake.snapshot(TABLE)
    assert snapshot.is_foreign
    assert snapshot.arrow().read_all().num_rows == 0
    assert code_of(lambda: snapshot.files) == "lake.foreign_table"
    assert code_of(hand.write, "append", [ONE]) == "lake.foreign_table"
    assert code_of(lake.optimize, TABLE) == "lake.foreign_table"
    assert code_of(lake.vacuum, TABLE) == "lake.foreign_table"
    assert code_of(lake.widen, TABLE, pa.schema([("nova", pa.string())])) == "lake.foreign_table"
    assert lake.snapshot(TABLE).version == 0


def test_check_constraints_make_a_table_foreign(lake: Lake, hand: Hand) -> None:
    from deltalake import DeltaTable

    hand.write("append", [ONE])
    DeltaTable(lake.address(TABLE)).alter.add_constraint({"positivo": "id > 0"})
    assert code_of(hand.write, "append", [ONE]) == "lake.foreign_table"


def test_rows_that_delta_rs_wrote_are_read_and_replaced(lake: Lake, hand: Hand) -> None:
    from deltalake import write_deltalake

    write_deltalake(lake.address(TABLE), pa.Table.from_pylist([ONE, TWO], SCHEMA), partition_by=["uf"])
    hand = Hand(lake, partition_by=("uf",))
    hand.write("upsert", [{**ONE, "uf": "São Paulo"}], keys=["id"])
    assert hand.rows() == [{**ONE, "uf": "São Paulo"}, TWO]
