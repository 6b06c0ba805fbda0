from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from afluente.core.errors import ModelError
from afluente.models.compile import compile_model
from afluente.models.incremental import compile_partitions, touched_sql, with_lookback
from afluente.project.model import Incremental
from tests.unit.models.sample import PEDIDOS, SCHEMAS, TIMEZONE, database, model

SETTING = Incremental("dia", PEDIDOS, "to_date(criado_em)", lookback=1)
DAILY = "SELECT to_date(criado_em) AS dia, sum(valor) AS total FROM silver.pedidos GROUP BY to_date(criado_em)"
DAILY_WHERE = DAILY.replace("GROUP BY", "WHERE valor > 1 GROUP BY")
RUNNING = """SELECT dia, sum(total) OVER (ORDER BY dia) AS total
FROM (SELECT to_date(criado_em) AS dia, sum(valor) AS total FROM silver.pedidos GROUP BY 1)"""


def test_the_touched_partitions_of_new_rows_are_found_in_the_project_time_zone() -> None:
    connection = database()
    connection.execute("CREATE VIEW novos AS SELECT * FROM silver__pedidos WHERE pedido_id IN (1, 4)")
    sql = touched_sql(model(DAILY, "dia date, total decimal(12,2)", incremental=SETTING), SCHEMAS, "duckdb", "novos")
    assert sorted(connection.sql(sql).fetchall(), key=str) == [(None,), (dt.date(2024, 2, 28),)]


def test_spark_finds_the_touched_partitions_with_the_expression_as_written() -> None:
    sql = touched_sql(model(DAILY, "dia date, total decimal(12,2)", incremental=SETTING), SCHEMAS, "spark", "novos")
    assert sql == "SELECT DISTINCT CAST((to_date(criado_em)) AS date) AS partition_value FROM novos AS pedidos"


@pytest.mark.parametrize("sql", [DAILY, DAILY_WHERE, RUNNING])
def test_the_partitions_made_again_equal_those_of_a_full_run(sql: str) -> None:
    made = model(sql, "dia date, total decimal(12,2)", incremental=SETTING)
    connection = database()
    wanted = {dt.date(2024, 2, 29), None}
    whole = connection.sql(compile_model(made, SCHEMAS, "duckdb", TIMEZONE).sql).fetchall()
    some = connection.sql(compile_partitions(made, SCHEMAS, "duckdb", TIMEZONE, wanted).sql).fetchall()
    assert sorted(some, key=str) == sorted((row for row in whole if row[0] in wanted), key=str)


def test_the_filter_reaches_the_source_only_where_that_is_safe() -> None:
    day = [dt.date(2024, 2, 29)]
    simple = model(DAILY_WHERE, "dia date, total decimal(12,2)", incremental=SETTING)
    assert (
        "WHERE ((to_date(criado_em)) IN (DATE '2024-02-29')) AND valor > 1"
        in compile_partitions(simple, SCHEMAS, "spark", TIMEZONE, day).sql
    )
    windowed = model(RUNNING, "dia date, total decimal(12,2)", incremental=SETTING)
    assert "WHERE ((to_date" not in compile_partitions(windowed, SCHEMAS, "spark", TIMEZONE, day).sql


def test_lookback_takes_the_partitions_before_each() -> None:
    days = [dt.date(2024, 1, day) for day in (1, 2, 5, 9)]
    assert with_lookback([days[2], None], days, 2) == {*days[:3], None}
    assert with_lookback([days[0]], days, 3) == {days[0]}
    assert with_lookback(["2024-02"], ["2024-01", "2023-12"], 1) == {"2024-02", "2024-01"}


def test_no_partition_gives_no_row() -> None:
    made = model(DAILY, "dia date, total decimal(12,2)", incremental=SETTING)
    assert database().sql(compile_partitions(made, SCHEMAS, "duckdb", TIMEZONE, []).sql).fetchall() == []


def test_text_partitions_are_quoted() -> None:
    sql = "SELECT uf AS dia, count(*) AS n FROM silver.clientes GROUP BY uf"
    setting = Incremental("dia", PEDIDOS, "itens[0]")
    made = model(sql, "dia string, n bigint", incremental=setting)
    compiled = compile_partitions(made, SCHEMAS, "duckdb", TIMEZONE, ["SP", "d'oeste"])
    assert database().sql(compiled.sql).fetchall() == [("SP", 1)]


@pytest.mark.parametrize("mark", ["\\", "'", "\\'", "'\\\\'", "%", '"', "\n", "😀 ç"])
@pytest.mark.parametrize("written", ["concat(uf, {mark}, 'x')", "concat({mark}, uf)"])
def test_any_text_is_a_partition_that_can_be_made_again(written: str, mark: str) -> None:
    named = written.format(mark=" , ".join(f"decode(unhex('{letter.encode().hex()}'), 'utf-8')" for letter in mark))
    sql = f"SELECT {named} AS dia, count(*) AS n FROM silver.clientes GROUP BY {named}"
    made = model(sql, "dia string, n bigint", incremental=Incremental("dia", PEDIDOS, "itens[0]"))
    connection = database()
    whole = connection.sql(compile_model(made, SCHEMAS, "duckdb", TIMEZONE).sql).fetchall()
    (wanted,) = [row for row in whole if "SP" in (row[0] or "")]
    assert mark in wanted[0]
    again = compile_partitions(made, SCHEMAS, "duckdb", TIMEZONE, [wanted[0]]).sql
    assert connection.sql(again).fetchall() == [wanted]


def test_a_timestamp_cannot_be_the_partition() -> None:
    made = model("SELECT criado_em AS dia FROM silver.pedidos", "dia timestamp", incremental=SETTING)
    with pytest.raises(ModelError) as failure:
        compile_partitions(made, SCHEMAS, "duckdb", TIMEZONE, [])
    assert failure.value.code == "model.partition_type"


def test_totals_are_exact() -> None:
    made = model(DAILY, "dia date, total decimal(12,2)", incremental=SETTING)
    rows = database().sql(compile_partitions(made, SCHEMAS, "duckdb", TIMEZONE, [dt.date(2024, 3, 1)]).sql).fetchall()
    assert rows == [(dt.date(2024, 3, 1), Decimal("10.00"))]
