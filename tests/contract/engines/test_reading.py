"""What an engine reads: registered files, tables in memory, materialised tables, answers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from afluente.core.errors import EngineError
from afluente.engines.engine import Engine

EVERY_TYPE = pa.schema(
    [
        ("inteiro", pa.int64()),
        ("curto", pa.int32()),
        ("miudo", pa.int16()),
        ("valor", pa.decimal128(38, 10)),
        ("preco", pa.decimal128(18, 2)),
        ("razao", pa.float64()),
        ("ativo", pa.bool_()),
        ("dia", pa.date32()),
        ("momento", pa.timestamp("us", tz="UTC")),
        ("nome", pa.string()),
        ("bruto", pa.binary()),
        ("marcas", pa.list_(pa.string())),
        ("falhas", pa.list_(pa.struct([("rule", pa.string()), ("value", pa.string())]))),
    ]
)
EVERY_ROW: list[dict[str, object]] = [
    {
        "inteiro": 2**63 - 1,
        "curto": -(2**31),
        "miudo": 7,
        "valor": Decimal("1234567890123456789012345678.0123456789"),
        "preco": Decimal("-0.01"),
        "razao": 0.1,
        "ativo": True,
        "dia": date(1582, 10, 1),
        "momento": datetime(1850, 3, 1, 12, 0, 0, 123456, tzinfo=UTC),
        "nome": "São João d'Aliança",
        "bruto": b"\x00\xff",
        "marcas": ["a", None],
        "falhas": [{"rule": "r", "value": None}],
    },
    dict.fromkeys(EVERY_TYPE.names),
]


def rows(engine: Engine, sql: str) -> list[dict[str, object]]:
    return engine.query(sql).to_pylist()


def test_every_type_is_read_back_exactly(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "um.parquet"
    pq.write_table(pa.Table.from_pylist(EVERY_ROW, schema=EVERY_TYPE), path)
    engine.register("silver__tipos", [str(path)], EVERY_TYPE)
    answer = engine.query("SELECT * FROM silver__tipos ORDER BY inteiro")
    assert sorted(answer.to_pylist(), key=lambda row: row["inteiro"] is None) == EVERY_ROW
    assert answer.schema.field("momento").type == pa.timestamp("us", tz="UTC")
    assert answer.schema.names == EVERY_TYPE.names


def test_a_table_in_memory_is_readable_with_every_type(engine: Engine) -> None:
    engine.register_arrow("lote", pa.Table.from_pylist(EVERY_ROW, schema=EVERY_TYPE))
    assert sorted(rows(engine, "SELECT * FROM lote"), key=lambda row: row["inteiro"] is None) == EVERY_ROW


def test_an_empty_table_in_memory_keeps_its_columns(engine: Engine) -> None:
    engine.register_arrow("vazio", EVERY_TYPE.empty_table())
    answer = engine.query("SELECT * FROM vazio")
    assert (answer.num_rows, answer.schema.names) == (0, EVERY_TYPE.names)


def test_no_files_make_an_empty_view(engine: Engine) -> None:
    engine.register("silver__nada", [], EVERY_TYPE)
    answer = engine.query("SELECT * FROM silver__nada")
    assert (answer.num_rows, answer.schema.names) == (0, EVERY_TYPE.names)


def test_a_column_missing_from_a_file_reads_as_null(engine: Engine, tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "velho.parquet")
    pq.write_table(pa.table({"b": ["x"], "a": [2]}), tmp_path / "novo.parquet")
    schema = pa.schema([("a", pa.int64()), ("b", pa.string()), ("c", pa.decimal128(10, 2))])
    files = [str(tmp_path / "velho.parquet"), str(tmp_path / "novo.parquet")]
    for order in (files, files[::-1]):
        engine.register("t", order, schema)
        assert rows(engine, "SELECT * FROM t ORDER BY a") == [
            {"a": 1, "b": None, "c": None},
            {"a": 2, "b": "x", "c": None},
        ]


def test_a_column_widened_since_a_file_was_written_reads_in_the_new_type(engine: Engine, tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": pa.array([1], pa.int32())}), tmp_path / "velho.parquet")
    pq.write_table(pa.table({"a": pa.array([2**40], pa.int64())}), tmp_path / "novo.parquet")
    files = [str(tmp_path / "velho.parquet"), str(tmp_path / "novo.parquet")]
    engine.register("t", files, pa.schema([("a", pa.int64())]))
    assert rows(engine, "SELECT a FROM t ORDER BY a") == [{"a": 1}, {"a": 2**40}]


def test_instants_written_as_int96_or_without_a_zone_are_utc(engine: Engine, tmp_path: Path) -> None:
    moment = datetime(2024, 5, 1, 12, tzinfo=UTC)
    aware = pa.table({"ts": pa.array([moment], pa.timestamp("us", "UTC"))})
    pq.write_table(aware, tmp_path / "int96.parquet", use_deprecated_int96_timestamps=True)
    pq.write_table(aware.cast(pa.schema([("ts", pa.timestamp("us"))])), tmp_path / "sem_zona.parquet")
    pq.write_table(aware, tmp_path / "utc.parquet")
    for name in ("int96", "sem_zona", "utc"):
        engine.register("t", [str(tmp_path / f"{name}.parquet")], aware.schema)
        assert rows(engine, "SELECT ts FROM t") == [{"ts": moment}], name


def test_partition_values_come_from_the_caller(engine: Engine, tmp_path: Path) -> None:
    files = []
    for number in range(4):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(pa.table({"id": [number]}), path)
        files.append(str(path))
    schema = pa.schema([("uf", pa.string()), ("id", pa.int64()), ("dia", pa.date32()), ("n", pa.int32())])
    engine.register(
        "t",
        files,
        schema,
        partition_by=["uf", "dia", "n"],
        partitions=[
            {"uf": "SP", "dia": "2024-02-29", "n": "1"},
            {"uf": "São Paulo/d'água", "dia": "1899-12-31", "n": "-5"},
            {"uf": None, "dia": None, "n": None},
            {"uf": "SP", "dia": "2024-02-29", "n": "1"},
        ],
        file_column="arquivo",
    )
    assert rows(engine, "SELECT uf, id, dia, n FROM t ORDER BY id") == [
        {"uf": "SP", "id": 0, "dia": date(2024, 2, 29), "n": 1},
        {"uf": "São Paulo/d'água", "id": 1, "dia": date(1899, 12, 31), "n": -5},
        {"uf": None, "id": 2, "dia": None, "n": None},
        {"uf": "SP", "id": 3, "dia": date(2024, 2, 29), "n": 1},
    ]
    assert rows(engine, "SELECT DISTINCT arquivo FROM t WHERE id = 2") == [{"arquivo": files[2]}]
    assert rows(engine, "SELECT id FROM t WHERE uf IS NULL") == [{"id": 2}]


def test_hundreds_of_partition_values_are_one_table(engine: Engine, tmp_path: Path) -> None:
    files = []
    for number in range(450):
        pq.write_table(pa.table({"id": [number]}), tmp_path / f"{number}.parquet")
        files.append(str(tmp_path / f"{number}.parquet"))
    values = [{"n": str(number) if number % 2 else None, "uf": f"v{number}"} for number in range(450)]
    schema = pa.schema([("id", pa.int64()), ("n", pa.int32()), ("uf", pa.string())])
    engine.register("t", files, schema, partition_by=["n", "uf"], partitions=values)
    assert rows(engine, "SELECT count(*) AS c, count(DISTINCT uf) AS d, count(n) AS n FROM t") == [
        {"c": 450, "d": 450, "n": 225}
    ]
    assert rows(engine, "SELECT count(*) AS c FROM t WHERE n IS NULL") == [{"c": 225}]
    for number in (1, 63, 65, 127, 129, 449):
        assert rows(engine, f"SELECT id FROM t WHERE uf = 'v{number}' AND n = {number}") == [{"id": number}]
        assert rows(engine, f"SELECT n FROM t WHERE id = {number}") == [{"n": number}]


def test_partition_values_for_fewer_files_are_refused(engine: Engine, tmp_path: Path) -> None:
    schema = pa.schema([("uf", pa.string()), ("id", pa.int64())])
    with pytest.raises(EngineError) as caught:
        engine.register("t", [str(tmp_path / "x.parquet")], schema, partition_by=["uf"], partitions=[])
    assert caught.value.code == "engine.snapshot_invalid"


def test_a_missing_file_is_an_error_and_not_an_empty_table(engine: Engine, tmp_path: Path) -> None:
    def read() -> None:
        engine.register("t", [str(tmp_path / "sumiu.parquet")], pa.schema([("ts", pa.timestamp("us", "UTC"))]))
        engine.query("SELECT count(*) FROM t")

    with pytest.raises(EngineError) as caught:
        read()
    assert caught.value.code == "engine.file_missing"


def test_a_materialised_table_is_computed_once_and_counted(engine: Engine) -> None:
    engine.register_arrow("numeros", pa.table({"id": [1, 2, 3]}))
    engine.register_arrow("outros", pa.table({"id": [9]}))
    assert engine.materialise("feito", "SELECT id FROM numeros") == 3
    engine.register_arrow("numeros", pa.table({"id": [5]}))
    assert rows(engine, "SELECT sum(id) AS s FROM feito") == [{"s": 6}]
    assert engine.materialise("feito", "SELECT id FROM outros") == 1
    assert engine.materialise("feito", "SELECT id, 'x' AS nome FROM outros WHERE id < 0") == 0
    assert engine.query("SELECT * FROM feito").schema.names == ["id", "nome"]


def test_dropping_forgets_a_name_and_ignores_unknown_ones(engine: Engine) -> None:
    engine.register_arrow("passageiro", pa.table({"id": [1]}))
    engine.drop("passageiro")
    engine.drop("passageiro")
    with pytest.raises(EngineError) as caught:
        engine.query("SELECT * FROM passageiro")
    assert caught.value.code == "engine.sql_failed"
    assert "passageiro" in caught.value.message


def test_a_name_may_change_its_kind(engine: Engine, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [7]}), tmp_path / "a.parquet")
    engine.register_arrow("troca", pa.table({"id": [1]}))
    engine.register("troca", [str(tmp_path / "a.parquet")], pa.schema([("id", pa.int64())]))
    assert rows(engine, "SELECT id FROM troca") == [{"id": 7}]
    engine.materialise("troca", "SELECT 8 AS id")
    assert rows(engine, "SELECT id FROM troca") == [{"id": 8}]


def test_a_stream_gives_every_row_in_batches(engine: Engine) -> None:
    engine.register_arrow("muitos", pa.table({"id": list(range(10_000))}))
    reader = engine.stream("SELECT id FROM muitos", batch_rows=1000)
    engine.query("SELECT count(*) FROM muitos")
    sizes, total = [], 0
    for batch in reader:
        sizes.append(batch.num_rows)
        total += sum(batch.column(0).to_pylist())
    assert (sum(sizes), total) == (10_000, sum(range(10_000)))
    assert max(sizes) <= 2048


def test_a_stream_without_rows_has_its_columns(engine: Engine) -> None:
    engine.register_arrow("poucos", pa.table({"id": [1]}))
    reader = engine.stream("SELECT id, 'x' AS nome FROM poucos WHERE id > 1")
    assert reader.schema.names == ["id", "nome"]
    assert reader.read_all().num_rows == 0


@pytest.mark.parametrize("sql", ["DROP TABLE IF EXISTS x", "SET x = 1", "CREATE TABLE t (a INT)"])
def test_a_query_that_is_no_select_is_refused(engine: Engine, sql: str) -> None:
    with pytest.raises(EngineError) as caught:
        engine.query(sql)
    assert caught.value.code == "engine.sql_refused"


@pytest.mark.parametrize("secret", ["529.982.247-25", "D'Ávila\nda Silva", "a\"b'c"])
def test_an_error_never_shows_a_value(engine: Engine, secret: str) -> None:
    engine.register_arrow("pessoas", pa.table({"cpf": [secret]}))
    with pytest.raises(EngineError) as caught:
        engine.query("SELECT CAST(cpf AS INT) AS n FROM pessoas")
    shown = repr(caught.value) + str(caught.value) + caught.value.hint
    assert caught.value.code == "engine.sql_failed"
    assert not any(part in shown for part in (secret, "529", "Ávila", "Silva", 'a"b'))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_an_engine_tells_what_it_is(engine: Engine) -> None:
    capabilities = engine.describe()
    assert capabilities.engine in ("duckdb", "sail", "apache-spark")
    assert capabilities.version[0].isdigit()
    assert capabilities.dialect == ("duckdb" if capabilities.engine == "duckdb" else "spark")


def test_the_session_has_the_project_time_zone(engine: Engine) -> None:
    answer = (
        engine.query("SELECT CAST('2024-01-01 00:00:00' AS TIMESTAMP) AS t, current_timezone() AS z")
        if (engine.describe().dialect == "spark")
        else engine.query("SELECT TIMESTAMPTZ '2024-01-01 00:00:00' AS t, current_setting('TimeZone') AS z")
    )
    assert answer.to_pylist() == [{"t": datetime(2024, 1, 1, 3, tzinfo=UTC), "z": "America/Sao_Paulo"}]
