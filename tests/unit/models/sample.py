"""A small project of two silver tables for the tests of models."""

from __future__ import annotations

import duckdb

from afluente.core.errors import Place
from afluente.core.tables import TableName
from afluente.project.model import Incremental, Model, ModelColumn

PEDIDOS = TableName("silver", "pedidos")
CLIENTES = TableName("silver", "clientes")
TIMEZONE = "America/Sao_Paulo"
SCHEMAS = {
    PEDIDOS: {
        "pedido_id": "bigint",
        "cliente_id": "bigint",
        "valor": "decimal(12,2)",
        "criado_em": "timestamp",
        "itens": "array<string>",
    },
    CLIENTES: {"cliente_id": "bigint", "uf": "string", "nascimento": "date"},
}


def model(
    sql: str,
    columns: str = "",
    *,
    name: str = "vendas",
    sql_line: int = 1,
    incremental: Incremental | None = None,
) -> Model:
    """`columns` is written `name type, name type`; types hold no comma but inside brackets."""
    declared = tuple(
        ModelColumn(*part.strip().split(" ", 1))
        for part in columns.replace("(12,2)", "(12;2)").split(",")
        if part.strip()
    )
    declared = tuple(ModelColumn(column.name, column.type.replace(";", ",")) for column in declared)
    place = Place(f"models/{name}.sql", 1)
    return Model(TableName("gold", name), sql, sql_line, place, declared, incremental=incremental)


def database() -> duckdb.DuckDBPyConnection:
    """DuckDB with both tables as the views that compiled models read."""
    connection = duckdb.connect()
    connection.execute(f"SET TimeZone = '{TIMEZONE}'")
    connection.execute(
        "CREATE TABLE silver__pedidos (pedido_id BIGINT, cliente_id BIGINT, valor DECIMAL(12, 2), "
        "criado_em TIMESTAMPTZ, itens VARCHAR[])"
    )
    connection.execute(
        "INSERT INTO silver__pedidos VALUES "
        "(1, 10, 5.50, '2024-02-28 23:30:00-03', ['pizza', 'suco']), (2, 10, 4.50, '2024-02-29 10:00:00-03', []), "
        "(3, 20, 10.00, '2024-03-01 01:00:00-03', ['pizza']), (4, NULL, NULL, NULL, NULL)"
    )
    connection.execute("CREATE TABLE silver__clientes (cliente_id BIGINT, uf VARCHAR, nascimento DATE)")
    connection.execute("INSERT INTO silver__clientes VALUES (10, 'SP', '1990-01-01'), (20, 'BA', NULL)")
    return connection
