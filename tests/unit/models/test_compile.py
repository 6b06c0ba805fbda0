from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from afluente.core.errors import ModelError
from afluente.models.compile import compile_model
from tests.unit.models.sample import CLIENTES, PEDIDOS, SCHEMAS, TIMEZONE, database, model

SALES = """SELECT   date_format(p.criado_em, 'yyyy-MM') AS mes,  -- month of São Paulo
       c.uf, sum(p.valor) AS total, count(*) AS pedidos
FROM silver.pedidos AS p JOIN silver.clientes AS c ON p.cliente_id = c.cliente_id
GROUP BY 1, c.uf"""
COLUMNS = "uf string, mes string, total decimal(12,2), pedidos int"


def test_duckdb_gives_the_declared_columns_in_their_order_and_types() -> None:
    compiled = compile_model(model(SALES, COLUMNS), SCHEMAS, "duckdb", TIMEZONE)
    relation = database().sql(compiled.sql)
    assert sorted(relation.fetchall()) == [
        ("BA", "2024-03", Decimal("10.00"), 1),
        ("SP", "2024-02", Decimal("10.00"), 2),
    ]
    assert relation.columns == ["uf", "mes", "total", "pedidos"]
    assert [str(kind) for kind in relation.types] == ["VARCHAR", "VARCHAR", "DECIMAL(12,2)", "INTEGER"]
    assert compiled.tables == (CLIENTES, PEDIDOS)


def test_spark_gets_the_text_as_written_but_for_the_names_of_tables() -> None:
    compiled = compile_model(model(SALES, COLUMNS), SCHEMAS, "spark", TIMEZONE)
    inside = SALES.replace("silver.pedidos", "silver__pedidos").replace("silver.clientes", "silver__clientes")
    assert inside in compiled.sql
    assert compiled.sql.startswith("SELECT `uf` AS `uf`, `mes` AS `mes`, CAST(`total` AS decimal(12,2)) AS `total`")


def test_a_table_without_an_alias_keeps_its_name_on_spark() -> None:
    sql = "SELECT silver.clientes.uf AS uf, clientes.nascimento FROM silver.clientes"
    compiled = compile_model(model(sql, "uf string, nascimento date"), SCHEMAS, "spark", TIMEZONE)
    assert "SELECT clientes.uf AS uf, clientes.nascimento FROM silver__clientes AS clientes" in compiled.sql


def test_missing_and_extra_columns_are_named() -> None:
    with pytest.raises(ModelError) as failure:
        compile_model(
            model("SELECT uf, nascimento FROM silver.clientes", "uf string, idade int"), SCHEMAS, "duckdb", TIMEZONE
        )
    assert failure.value.code == "model.columns_differ"
    assert "lacks idade" in failure.value.message
    assert "nascimento is not declared" in failure.value.message


def test_an_output_that_cannot_become_its_type_is_refused() -> None:
    with pytest.raises(ModelError) as failure:
        compile_model(model("SELECT itens AS uf FROM silver.pedidos", "uf date"), SCHEMAS, "duckdb", TIMEZONE)
    assert failure.value.code == "model.column_type"


def test_lateral_view_windows_and_ctes_run() -> None:
    sql = """WITH ultimos AS (
      SELECT *, row_number() OVER (PARTITION BY cliente_id ORDER BY criado_em DESC) AS n FROM silver.pedidos
    )
    SELECT u.cliente_id, item FROM ultimos u LATERAL VIEW OUTER explode(itens) e AS item WHERE n = 1"""
    compiled = compile_model(model(sql, "cliente_id bigint, item string"), SCHEMAS, "duckdb", TIMEZONE)
    rows = database().sql(compiled.sql).fetchall()
    assert sorted(rows, key=str) == [(10, None), (20, "pizza"), (None, None)]


def test_a_long_expression_used_many_times_stays_short() -> None:
    expression = "valor"
    for _ in range(8):
        expression = f"(({expression}) / 1.5)"
    compiled = compile_model(
        model(f"SELECT round(CAST({expression} AS DOUBLE), 4) AS a FROM silver.pedidos", "a double"),
        SCHEMAS,
        "duckdb",
        TIMEZONE,
    )
    assert len(compiled.sql) < 60_000  # noqa: PLR2004 - doubling at each step would be millions
    assert database().sql(compiled.sql).fetchall()[0][0] == pytest.approx(5.5 / 1.5**8, abs=1e-4)


def test_a_compiled_model_gives_the_same_rows_on_spark_connect(tmp_path: Path) -> None:
    pytest.importorskip("pysail", reason="pysail is a development dependency")
    pytest.importorskip("pyspark", reason="pyspark-client comes with the spark extra")
    from pysail.spark import SparkConnectServer

    from afluente.engines.spark.connect import connect

    made = model(SALES, COLUMNS)
    connection = database()
    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    host, port = server.listening_address
    session = connect(f"sc://{host}:{port}", timezone=TIMEZONE)
    try:
        session.conf.set("spark.sql.session.timeZone", TIMEZONE)
        for table in (PEDIDOS, CLIENTES):
            path = str(tmp_path / f"{table.view}.parquet")
            connection.execute(f"COPY {table.view} TO '{path}'")
            schema = ", ".join(f"{name} {kind}" for name, kind in SCHEMAS[table].items())
            session.read.schema(schema).parquet(path).createOrReplaceTempView(table.view)
        rows = [tuple(row) for row in session.sql(compile_model(made, SCHEMAS, "spark", TIMEZONE).sql).collect()]
    finally:
        session.stop()
        server.stop()
    assert sorted(rows) == sorted(connection.sql(compile_model(made, SCHEMAS, "duckdb", TIMEZONE).sql).fetchall())


def test_a_day_is_formatted_without_the_way_through_an_instant_unless_its_hour_is_asked() -> None:
    sql = (
        "SELECT date_format(nascimento, 'dd/MM/yyyy EEE') AS dia, date_format(nascimento, 'yyyy HH:mm') AS hora"
        " FROM silver.clientes"
    )
    compiled = compile_model(model(sql, "dia string, hora string"), SCHEMAS, "duckdb", TIMEZONE)
    day, hour = compiled.sql.split("'%d/%m/%Y %a'")
    assert "TIMESTAMP" not in day
    assert "TIMESTAMP" in hour
    con = database()
    as_instants = con.sql(
        "SELECT strftime(CAST(CAST(nascimento AS TIMESTAMPTZ) AS TIMESTAMP), '%d/%m/%Y %a'),"
        " strftime(CAST(CAST(nascimento AS TIMESTAMPTZ) AS TIMESTAMP), '%Y %H:%M') FROM silver__clientes"
    ).fetchall()
    assert con.sql(compiled.sql).fetchall() == as_instants
    assert len(as_instants) > 1
