"""Data files: how they are cut, their statistics, their types, and what is not written again."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from afluente.core.errors import LakeError
from afluente.core.tables import TableName
from afluente.lake import Lake
from hypothesis import given
from hypothesis import strategies as st
from lake_hand import TABLE, Hand, file_of_another_program, ordered

TYPES = pa.schema(
    [
        ("i8", pa.int8()),
        ("i64", pa.int64()),
        ("f", pa.float64()),
        ("b", pa.bool_()),
        ("s", pa.string()),
        ("bin", pa.binary()),
        ("d", pa.date32()),
        ("ts", pa.timestamp("us", "UTC")),
        ("tn", pa.timestamp("us")),
        ("dec", pa.decimal128(38, 10)),
        ("falhas", pa.list_(pa.field("element", pa.struct([("regra", pa.string()), ("n", pa.int32())])))),
        ("m", pa.map_(pa.string(), pa.int64())),
        ("k", pa.int64()),
    ]
)
FULL = {
    "i8": -128,
    "i64": 2**63 - 1,
    "f": float("inf"),
    "b": False,
    "s": "ção " * 5,
    "bin": b"\x00\xff",
    "d": date(1, 1, 1),
    "ts": datetime(1960, 2, 29, 12, 0, 0, 123456, UTC),
    "tn": datetime(9999, 12, 31, 23, 59, 59, 999999),
    "dec": Decimal("1234567890123456789012345678.0123456789"),
    "falhas": [{"regra": "cpf", "n": 1}, {"regra": None, "n": None}],
    "m": [("a", 1)],
    "k": 1,
}
EMPTY = {**dict.fromkeys(TYPES.names), "k": 2}


def batches(rows: int, per_batch: int = 100_000) -> list[pa.RecordBatch]:
    numbers = range(0, rows, per_batch)
    return [pa.RecordBatch.from_pydict({"id": list(range(start, min(start + per_batch, rows)))}) for start in numbers]


def test_files_end_at_a_million_rows_and_groups_at_122880(lake: Lake) -> None:
    schema = pa.schema([("id", pa.int64())])
    files = lake.write_batches(TABLE, schema, batches(1_250_000))
    assert [file.rows for file in files] == [1_000_000, 250_000]
    footer = pq.read_metadata(Path(lake.address(TABLE)) / files[0].path)
    assert max(footer.row_group(i).num_rows for i in range(footer.num_row_groups)) <= 122_880
    assert footer.row_group(0).column(0).compression == "ZSTD"
    assert json.loads(files[1].stats) == {
        "numRecords": 250_000,
        "minValues": {"id": 1_000_000},
        "maxValues": {"id": 1_249_999},
        "nullCount": {"id": 0},
    }


def test_no_rows_write_no_file(lake: Lake) -> None:
    schema = pa.schema([("id", pa.int64())])
    assert lake.write_batches(TABLE, schema, []) == []
    assert lake.write_batches(TABLE, schema, [pa.RecordBatch.from_pylist([], schema)]) == []


def test_many_partitions_do_not_keep_many_files_open(lake: Lake) -> None:
    hand = Hand(lake, partition_by=("uf",))
    rows = [{"id": i, "uf": f"u{i % 150}", "valor": None} for i in range(450)]
    hand.write("append", rows)
    assert len(lake.snapshot(TABLE).files) == 150
    assert len(hand.rows()) == 450


def test_a_reader_that_fails_leaves_no_file(lake: Lake) -> None:
    def broken() -> object:
        yield from batches(1_100_000)
        raise RuntimeError("rede")

    with pytest.raises(RuntimeError):
        lake.write_batches(TABLE, pa.schema([("id", pa.int64())]), broken())
    assert [path for path in Path(lake.address(TABLE)).rglob("*") if path.is_file()] == []


def test_every_type_survives_a_rewrite_and_a_compaction_exactly(lake: Lake) -> None:
    hand = Hand(lake, schema=TYPES)
    hand.write("append", [FULL, EMPTY])
    hand.write("append", [{**EMPTY, "k": 3}])
    hand.write("upsert", [{**EMPTY, "k": 2, "s": "novo"}], keys=["k"])
    lake.optimize(TABLE)
    snapshot = lake.snapshot(TABLE)
    assert len(snapshot.files) == 1
    assert snapshot.schema.equals(TYPES)
    assert ordered(snapshot.arrow().read_all().to_pylist()) == ordered(
        [FULL, {**EMPTY, "k": 2, "s": "novo"}, {**EMPTY, "k": 3}]
    )
    stored = pq.read_schema(snapshot.files[0])
    assert [field.type for field in stored if field.name not in {"falhas", "m"}] == [
        field.type for field in TYPES if field.name not in {"falhas", "m"}
    ]


@pytest.mark.parametrize("key", ["i8", "i64", "f", "b", "s", "bin", "d", "ts", "tn", "dec"])
def test_a_key_of_any_flat_type_finds_its_row(lake: Lake, key: str) -> None:
    hand = Hand(lake, schema=TYPES)
    hand.write("append", [FULL])
    hand.write("append", [EMPTY])
    hand.write("upsert", [{**FULL, "k": 9}, {**EMPTY, "k": 8}], keys=[key])
    assert sorted(row["k"] for row in lake.snapshot(TABLE).arrow().read_all().to_pylist()) == [8, 9]


def test_files_without_wanted_keys_are_left_alone(lake: Lake, hand: Hand) -> None:
    for start in (0, 100, 200):
        hand.write("append", [{"id": start + i, "uf": "SP", "valor": None} for i in range(10)])
    before = set(lake.snapshot(TABLE).files)
    plan = hand.plan(lake.find(TABLE), "upsert", [{"id": 105, "uf": "RJ", "valor": None}], keys=["id"])
    assert len(plan.removed) == 1
    lake.commit(plan)
    assert len(before & set(lake.snapshot(TABLE).files)) == 2
    assert sum(row["uf"] == "RJ" for row in hand.rows()) == 1


def test_a_file_whose_rows_all_go_is_not_written_again(lake: Lake, hand: Hand) -> None:
    hand.write("append", [{"id": 1, "uf": "SP", "valor": None}])
    plan = hand.plan(lake.find(TABLE), "replace_rows", [], column="uf", values=["SP"])
    assert (plan.files, len(plan.removed)) == ((), 1)


def test_statistics_of_a_file_of_another_program(lake: Lake) -> None:
    folder = Path(lake.address(TABLE)) / "uf=S%C3%A3o%20Paulo"
    folder.mkdir(parents=True)
    duckdb.connect().sql(
        "SELECT 1.50::DECIMAL(10,2) AS v, true AS b, 'nan'::DOUBLE AS f, DATE '2024-01-01' AS d, "
        "TIMESTAMPTZ '2024-01-01 00:00:00.5+00' AS t, repeat('a', 300) AS s, NULL::BIGINT AS n"
    ).write_parquet(str(folder / "a.parquet"))
    stats = json.loads(file_of_another_program(lake, "uf=S%C3%A3o%20Paulo/a.parquet").stats)
    assert stats["minValues"] == {"v": 1.5, "b": True, "d": "2024-01-01", "t": "2024-01-01T00:00:00.500000Z"}
    assert stats["nullCount"]["n"] == 1


def test_a_physical_folder_that_is_encoded_is_read_and_replaced(lake: Lake) -> None:
    folder = Path(lake.address(TABLE)) / "uf=S%C3%A3o%20Paulo"
    folder.mkdir(parents=True)
    hand = Hand(lake, partition_by=("uf",))
    duckdb.connect().sql("SELECT 1::BIGINT AS id, 1.50::DECIMAL(10,2) AS valor").write_parquet(
        str(folder / "a.parquet")
    )
    file = file_of_another_program(lake, "uf=S%C3%A3o%20Paulo/a.parquet", {"uf": "São Paulo"})
    plan = lake.plan(
        TABLE, None, "append", [file], schema=hand.schema, app_id="spark", app_version=1, partition_by=["uf"]
    )
    lake.commit(plan)
    assert [row["uf"] for row in hand.rows()] == ["São Paulo"]
    hand.write("upsert", [{"id": 1, "uf": "RJ", "valor": None}], keys=["id"])
    assert [row["uf"] for row in hand.rows()] == ["RJ"]


@pytest.mark.parametrize(
    "kind", [pa.uint64(), pa.timestamp("ns"), pa.time64("us"), pa.timestamp("us", "America/Sao_Paulo"), pa.float16()]
)
def test_types_that_a_table_cannot_hold_are_refused(lake: Lake, kind: pa.DataType) -> None:
    with pytest.raises(LakeError) as caught:
        lake.write_batches(TABLE, pa.schema([("x", kind)]), [])
    assert caught.value.code == "lake.type_unsupported"


def test_columns_that_differ_only_by_case_are_refused(lake: Lake) -> None:
    with pytest.raises(LakeError) as caught:
        lake.write_batches(TABLE, pa.schema([("uf", pa.string()), ("UF", pa.string())]), [])
    assert caught.value.code == "lake.column_repeated"


def test_a_null_in_a_required_column_is_refused(lake: Lake, hand: Hand) -> None:
    with pytest.raises(LakeError) as caught:
        lake.write_batches(TABLE, hand.schema, [pa.RecordBatch.from_pydict({"id": [1, None]})])
    assert caught.value.code == "lake.null_in_required"


@pytest.mark.parametrize("name", ["valor", "nada"])
def test_a_partition_column_must_exist_and_have_an_exact_text(lake: Lake, hand: Hand, name: str) -> None:
    with pytest.raises(LakeError) as caught:
        lake.write_batches(TABLE, hand.schema, [], [name])
    assert caught.value.code in {"lake.partition_type", "lake.partition_unknown"}


@given(value=st.text(min_size=1).filter(lambda text: text != "__HIVE_DEFAULT_PARTITION__"))
def test_a_partition_folder_says_its_value(value: str) -> None:
    from afluente.lake.partition import folder_of, folder_values

    folder = folder_of({"a=b": value}, ["a=b"])
    assert folder.count("/") == 1
    assert folder_values(folder + "x.parquet") == {"a=b": value}


def test_partitions_of_dates_numbers_and_truths(lake: Lake) -> None:
    schema = pa.schema([("k", pa.int64()), ("d", pa.date32()), ("n", pa.int32()), ("b", pa.bool_())])
    hand = Hand(lake, table=TableName("gold", "p"), schema=schema, partition_by=("d", "n", "b"))
    rows = [
        {"k": 1, "d": date(2024, 1, 1), "n": -7, "b": True},
        {"k": 2, "d": None, "n": None, "b": None},
        {"k": 3, "d": date(2024, 1, 1), "n": -7, "b": False},
    ]
    hand.write("append", rows)
    assert hand.rows() == ordered(rows)
    hand.write("replace_partitions", [{**rows[0], "k": 10}], partitions=[{"d": None, "n": None, "b": None}])
    assert sorted(row["k"] for row in hand.rows()) == [3, 10]
    hand.write("upsert", [{**rows[2], "k": 30}], keys=["d", "n", "b"])
    assert sorted(row["k"] for row in hand.rows()) == [10, 30]
