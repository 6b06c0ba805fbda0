"""What an engine writes: files that, committed to a Delta table, hold exactly the rows, found again by any filter."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, QueryBuilder, Schema
from deltalake.transaction import AddAction, create_table_with_add_actions

from afluente.core.errors import EngineError
from afluente.core.tables import DataFile
from afluente.engines.engine import Engine

SALES = pa.schema(
    [
        ("uf", pa.string()),
        ("dia", pa.date32()),
        ("id", pa.int64()),
        ("valor", pa.decimal128(38, 10)),
        ("preco", pa.decimal128(10, 2)),
        ("razao", pa.float64()),
        ("ativo", pa.bool_()),
        ("momento", pa.timestamp("us", tz="UTC")),
        ("nome", pa.string()),
        ("marcas", pa.list_(pa.string())),
    ]
)
ROWS: list[dict[str, object]] = [
    {
        "uf": uf,
        "dia": date(1850, 1, 1 + number),
        "id": number - 2,
        "valor": Decimal(f"123456789012345678{number}.0123456789"),
        "preco": Decimal(number) / 100,
        "razao": number / 3,
        "ativo": number % 2 == 0,
        "momento": datetime(1899, 12, 31, 23, 59, 59, 999_000 + number, tzinfo=UTC),
        "nome": f"{'ç' * 300}{number}",
        "marcas": ["a", None],
    }
    for number, uf in enumerate(["SP", "São Paulo/d'água 100%", None, "SP", "d=1"])
]
NULLS = dict.fromkeys(SALES.names) | {"uf": "SP", "dia": date(2024, 2, 29)}


def write(engine: Engine, folder: str, rows: Sequence[dict[str, object]], *partition_by: str) -> list[DataFile]:
    engine.register_arrow("origem", pa.Table.from_pylist(list(rows), schema=SALES))
    return engine.write_parquet("SELECT * FROM origem", folder, schema=SALES, partition_by=partition_by)


def commit(folder: str, files: Sequence[DataFile], *partition_by: str) -> DeltaTable:
    actions = [
        AddAction(file.path, file.size_bytes, dict(file.partition_values), 0, True, file.stats) for file in files
    ]
    create_table_with_add_actions(folder, Schema.from_arrow(SALES), actions, partition_by=list(partition_by))
    return DeltaTable(folder)


def found(table: DeltaTable, where: str) -> list[int]:
    query = QueryBuilder().register("t", table).execute(f"SELECT id FROM t WHERE {where} ORDER BY id")
    return [int(str(value)) for batch in query for value in pa.record_batch(batch).column(0).to_pylist()]


def on_disk(folder: str) -> set[str]:
    return {str(path.relative_to(folder)) for path in Path(folder).rglob("*.parquet") if "_delta_log" not in str(path)}


@pytest.mark.parametrize("partition_by", [(), ("uf",), ("dia",), ("uf", "ativo", "id")])
def test_a_delta_table_of_the_files_has_exactly_the_rows(
    engine: Engine, table_folder: str, partition_by: tuple[str, ...]
) -> None:
    files = write(engine, table_folder, ROWS, *partition_by)
    assert sum(file.rows for file in files) == len(ROWS)
    table = commit(table_folder, files, *partition_by)
    read = table.to_pyarrow_table().select(SALES.names).to_pylist()
    assert sorted(read, key=lambda row: row["id"]) == ROWS


def test_the_files_of_a_delta_table_register_back(engine: Engine, table_folder: str) -> None:
    files = write(engine, table_folder, ROWS, "uf", "dia")
    paths = [f"{table_folder}/{file.path}" for file in files]
    engine.register(
        "silver__vendas",
        paths,
        SALES,
        partition_by=["uf", "dia"],
        partitions=[file.partition_values for file in files],
    )
    assert engine.query("SELECT * FROM silver__vendas ORDER BY id").to_pylist() == ROWS
    assert engine.query("SELECT id FROM silver__vendas WHERE uf IS NULL").to_pylist() == [{"id": 0}]


@pytest.mark.parametrize("partition_by", [(), ("uf",)])
def test_statistics_never_hide_a_row_from_a_filter(
    engine: Engine, table_folder: str, partition_by: tuple[str, ...]
) -> None:
    table = commit(table_folder, write(engine, table_folder, [*ROWS, NULLS], *partition_by), *partition_by)
    assert found(table, "id = -2") == [-2]
    assert found(table, "id >= 0") == [0, 1, 2]
    assert found(table, "dia = DATE '1850-01-03'") == [0]
    assert found(table, "momento > TIMESTAMP '1899-12-31T23:59:59.999003Z'") == [2]
    assert found(table, "momento <= TIMESTAMP '1899-12-31T23:59:59.999000Z'") == [-2]
    assert found(table, "preco > 0.03") == [2]
    assert found(table, "valor > CAST('1234567890123456783.0' AS DECIMAL(38, 10))") == [1, 2]
    assert found(table, "valor = CAST('1234567890123456784.0123456789' AS DECIMAL(38, 10))") == [2]
    assert found(table, "razao > 1.2") == [2]
    assert found(table, f"nome = '{'ç' * 300}4'") == [2]
    assert found(table, "ativo = false") == [-1, 1]


def test_statistics_count_rows_and_nulls_and_bound_the_values(engine: Engine, table_folder: str) -> None:
    files = write(engine, table_folder, [*ROWS, NULLS])
    stats = [json.loads(file.stats, parse_float=Decimal) for file in files]
    assert sum(one["numRecords"] for one in stats) == 6
    assert sum(one["nullCount"]["id"] for one in stats) == 1
    assert sum(one["nullCount"]["uf"] for one in stats) == 1
    assert min(one["minValues"]["id"] for one in stats) == -2
    assert max(one["maxValues"]["valor"] for one in stats) == Decimal("1234567890123456784.0123456789")
    assert max(one["maxValues"]["momento"] for one in stats) == "1900-01-01T00:00:00.000Z"
    assert min(one["minValues"]["momento"] for one in stats) == "1899-12-31T23:59:59.999Z"
    assert min(one["minValues"]["dia"] for one in stats) == "1850-01-01"
    assert all("nome" not in one["maxValues"] for one in stats)
    assert all(not {"marcas", "ativo"} & set(one["minValues"]) for one in stats)


def test_not_a_number_leaves_no_bounds(engine: Engine, table_folder: str) -> None:
    schema = pa.schema([("x", pa.float64())])
    engine.register_arrow("origem", pa.table({"x": [1.0, float("nan"), float("inf")]}, schema=schema))
    files = engine.write_parquet("SELECT * FROM origem", table_folder, schema=schema)
    assert [json.loads(file.stats)["maxValues"] for file in files] == [{}]


def test_an_empty_answer_writes_no_file(engine: Engine, table_folder: str) -> None:
    assert write(engine, table_folder, []) == []
    assert write(engine, table_folder, [], "uf") == []
    assert on_disk(table_folder) == set()


def test_columns_are_cast_to_the_schema_and_put_in_its_order(engine: Engine, table_folder: str) -> None:
    schema = pa.schema([("total", pa.decimal128(38, 0)), ("n", pa.int32())])
    engine.register_arrow("origem", pa.table({"x": [2**62, 2**62, 2**62]}))
    sql = "SELECT count(*) AS n, sum(CAST(x AS DECIMAL(28, 0))) AS total FROM origem"
    (file,) = engine.write_parquet(sql, table_folder, schema=schema)
    written = pq.ParquetFile(f"{table_folder}/{file.path}").read()
    assert written.schema.names == ["total", "n"]
    assert written.to_pylist() == [{"total": Decimal(3 * 2**62), "n": 3}]
    assert file.size_bytes == Path(table_folder, file.path).stat().st_size


def test_instants_are_stored_as_utc_microseconds(engine: Engine, table_folder: str) -> None:
    files = write(engine, table_folder, ROWS)
    stored = pq.ParquetFile(f"{table_folder}/{files[0].path}").schema
    (momento,) = [stored.column(index) for index in range(len(stored)) if stored.column(index).name == "momento"]
    assert momento.physical_type == "INT64"
    assert json.loads(momento.logical_type.to_json())["timeUnit"] == "microseconds"
    assert json.loads(momento.logical_type.to_json())["isAdjustedToUTC"] is True


def test_two_attempts_never_share_a_file(engine: Engine, table_folder: str) -> None:
    first = {file.path for file in write(engine, table_folder, ROWS, "uf")}
    second = {file.path for file in write(engine, table_folder, ROWS, "uf")}
    assert not first & second
    assert on_disk(table_folder) == first | second


def test_partition_values_are_told_as_delta_writes_them(engine: Engine, table_folder: str) -> None:
    files = write(engine, table_folder, ROWS, "uf", "dia", "ativo")
    values = sorted(
        (str(f.partition_values["uf"]), f.partition_values["dia"], f.partition_values["ativo"]) for f in files
    )
    assert values == [
        ("None", "1850-01-03", "true"),
        ("SP", "1850-01-01", "true"),
        ("SP", "1850-01-04", "false"),
        ("São Paulo/d'água 100%", "1850-01-02", "false"),
        ("d=1", "1850-01-05", "true"),
    ]
    assert {f.partition_values["uf"] for f in files if f.partition_values["dia"] == "1850-01-03"} == {None}
    for file in files:
        assert not {"uf", "dia", "ativo"} & set(pq.ParquetFile(f"{table_folder}/{file.path}").schema_arrow.names)


def test_an_empty_partition_value_is_refused_and_leaves_nothing(engine: Engine, table_folder: str) -> None:
    with pytest.raises(EngineError) as caught:
        write(engine, table_folder, [*ROWS, ROWS[0] | {"uf": ""}], "uf")
    assert caught.value.code == "engine.partition_value_empty"
    assert "'uf'" in caught.value.message
    assert on_disk(table_folder) == set()


def test_a_text_too_long_for_a_folder_is_no_partition_value(engine: Engine, tmp_path: Path) -> None:
    schema = pa.schema([("uf", pa.string()), ("n", pa.int32())])
    with pytest.raises(EngineError) as caught:
        engine.write_parquet(
            "SELECT repeat('segredo', 50) AS uf, 1 AS n", str(tmp_path / "t"), schema=schema, partition_by=["uf"]
        )
    assert caught.value.code == "engine.partition_value_too_long"
    assert "segredo" not in caught.value.message
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "kind", [pa.time64("us"), pa.duration("us"), pa.uint64(), pa.decimal256(50, 2), pa.timestamp("ns"), pa.null()]
)
def test_a_type_tables_cannot_hold_is_refused_by_name(engine: Engine, table_folder: str, kind: pa.DataType) -> None:
    with pytest.raises(EngineError) as caught:
        engine.write_parquet("SELECT 1 AS coluna", table_folder, schema=pa.schema([("coluna", kind)]))
    assert caught.value.code == "engine.type_unsupported"
    assert "'coluna'" in caught.value.message


@pytest.mark.parametrize(
    ("partition_by", "code"), [("momento", "engine.type_unsupported"), ("uff", "engine.column_missing")]
)
def test_a_column_that_cannot_partition_is_refused(
    engine: Engine, table_folder: str, partition_by: str, code: str
) -> None:
    with pytest.raises(EngineError) as caught:
        write(engine, table_folder, ROWS, partition_by)
    assert caught.value.code == code


def test_a_number_that_does_not_fit_is_an_error_without_files(engine: Engine, table_folder: str) -> None:
    engine.register_arrow("origem", pa.table({"x": [1, 5_298_224]}))
    with pytest.raises(EngineError) as caught:
        engine.write_parquet("SELECT x FROM origem", table_folder, schema=pa.schema([("x", pa.int16())]))
    assert caught.value.code == "engine.sql_failed"
    assert "5298224" not in str(caught.value)
    assert on_disk(table_folder) == set()


TRIES = 5
WRITER = """
import sys
from pathlib import Path
import pyarrow as pa
from afluente.engines.open import open_engine
from afluente.project.settings import EngineSettings
url, folder, temp = sys.argv[1:]
settings = EngineSettings(kind="spark", url=url) if url else EngineSettings(memory_limit="512MB", threads=1)
engine = open_engine(settings, timezone="UTC", temp_folder=Path(temp))
print("ready", flush=True)
rows = "range(40000000)" if url else "range(40000000) AS r(id)"
schema = pa.schema([("id", pa.int64()), ("t", pa.string())])
engine.write_parquet(f"SELECT id, CAST(id * 7919 AS VARCHAR(20)) AS t FROM {rows}", folder, schema=schema)
print("done", flush=True)
"""


def is_killed_at_work(arguments: Sequence[str], table_folder: str, *, seconds: float) -> bool:
    """Kill a writer when its files come or the seconds are over; False when it was quicker."""
    before = on_disk(table_folder)
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=dict(os.environ)
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    deadline = time.monotonic() + seconds
    while not (on_disk(table_folder) - before) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with process.stdout as said:
        return said.read() == ""


def test_a_killed_writer_leaves_the_table_as_it_was(
    engine: Engine, request: pytest.FixtureRequest, table_folder: str, tmp_path: Path
) -> None:
    files = write(engine, table_folder, ROWS)
    commit(table_folder, files)
    url = request.getfixturevalue("sail_url") if engine.describe().dialect == "spark" else ""
    script = tmp_path / "writer.py"
    script.write_text(WRITER, encoding="utf-8")
    arguments = [sys.executable, str(script), url, table_folder, str(tmp_path / "temp")]
    # A Spark server shows its files only when it is nearly done: there the writer is killed on its way to them.
    assert any(is_killed_at_work(arguments, table_folder, seconds=0.3 if url else 60) for _ in range(TRIES))
    committed = {file.path for file in files}
    table = DeltaTable(table_folder)
    assert sorted(table.to_pyarrow_table()["id"].to_pylist()) == [-2, -1, 0, 1, 2]
    assert committed <= on_disk(table_folder)
