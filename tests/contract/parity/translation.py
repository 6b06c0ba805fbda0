"""The statements of the vectors through our translation, on DuckDB."""

from __future__ import annotations

from typing import Any

import duckdb

from afluente.core.errors import ModelError
from afluente.core.tables import TableName
from afluente.models.parse import parse_query
from afluente.models.spark_types import parse_type
from afluente.models.translate import Translation, translate
from tests.contract.parity import edge, vectors

EDGE = TableName("silver", "edge")
SCHEMAS = {EDGE: {name: parse_type(kind) for name, kind in edge.SPARK_TYPES.items()}}


def connect() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"SET TimeZone = '{edge.TIMEZONE}'")
    connection.register("edge_arrow", edge.edge_table())
    connection.execute(f"CREATE TABLE {EDGE.view} AS SELECT * FROM edge_arrow")
    return connection


def translated(vector: vectors.Vector) -> Translation:
    """ModelError when the guard refuses the statement."""
    sql = vector.sql if vector.kind == "query" else f"SELECT id AS edge_id, {vector.sql} AS r FROM silver.edge"
    return translate(parse_query(sql, file="vector.sql"), SCHEMAS, file="vector.sql")


def differences(connection: duckdb.DuckDBPyConnection, vector: vectors.Vector) -> list[str]:
    """What DuckDB answers otherwise than Spark; ModelError when the guard refuses."""
    found = translated(vector)
    if vector.kind == "query":
        return _query_differences(connection, vector, found)
    return _expression_differences(connection, vector, found)


def _expression_differences(
    connection: duckdb.DuckDBPyConnection, vector: vectors.Vector, found: Translation
) -> list[str]:
    wrong: list[str] = []
    kind = found.columns[1][1]
    if vector.types and str(kind) != vector.types["r"]:
        wrong.append(f"type {kind}, and Spark gives {vector.types['r']}")
    for number, (answer, expected) in enumerate(zip(_answers(connection, found), vector.answers, strict=True), 1):
        if isinstance(answer, Exception):
            if "error" not in expected:
                wrong.append(f"row {number}: fails ({str(answer)[:200]}), and Spark gives {expected['value']!r}")
        elif "error" in expected:
            wrong.append(f"row {number}: {answer!r}, and Spark fails with {expected['error']}")
        elif not vectors.same(answer, expected["value"]):
            wrong.append(f"row {number}: {answer!r}, and Spark gives {expected['value']!r}")
    return wrong


def _answers(connection: duckdb.DuckDBPyConnection, found: Translation) -> list[Any]:
    try:
        relation = connection.sql(f"SELECT * FROM ({found.sql}) ORDER BY edge_id")
        _check_type(relation, found)
        return [vectors.encode(value) for _, value in relation.fetchall()]
    except duckdb.Error:
        return [_one(connection, found, number) for number in range(1, edge.ROW_COUNT + 1)]


def _one(connection: duckdb.DuckDBPyConnection, found: Translation, number: int) -> Any:
    try:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {EDGE.view} AS SELECT * FROM main.{EDGE.view} WHERE id = {number}"
        )
        rows = connection.sql(found.sql).fetchall()
        return vectors.encode(rows[0][1])
    except duckdb.Error as failure:
        return failure
    finally:
        connection.execute(f"DROP TABLE IF EXISTS temp.{EDGE.view}")


def _check_type(relation: duckdb.DuckDBPyRelation, found: Translation) -> None:
    for (name, kind), given in zip(found.columns, relation.types, strict=True):
        wanted = kind.duckdb.replace(", ", ",").replace('"', "")
        written = str(given).replace(", ", ",").replace('"', "")
        if kind.name != "void" and written != wanted:
            raise AssertionError(f"column {name}: DuckDB gives {given}, and {kind} is {wanted}")


def _query_differences(connection: duckdb.DuckDBPyConnection, vector: vectors.Vector, found: Translation) -> list[str]:
    expected_error = vector.answers[0].get("error") if vector.answers and isinstance(vector.answers[0], dict) else None
    try:
        relation = connection.sql(found.sql)
        _check_type(relation, found)
        rows = sorted(([vectors.encode(v) for v in row] for row in relation.fetchall()), key=vectors.row_key)
    except duckdb.Error as failure:
        return [] if expected_error else [f"fails: {str(failure)[:300]}"]
    if expected_error:
        return [f"answers, and Spark fails with {expected_error}"]
    kinds = {name: str(kind) for name, kind in found.columns}
    wrong = (
        [f"types {kinds}, and Spark gives {vector.types}"]
        if list(kinds.values()) != list(vector.types.values())
        else []
    )
    if not vectors.same(rows, vector.answers):
        wrong.append(f"rows differ:\n  ours  {rows}\n  spark {vector.answers}")
    return wrong


__all__ = ["ModelError", "connect", "differences", "translated"]
