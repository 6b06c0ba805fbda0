"""Spark SQL to DuckDB SQL: guard, then translate by type.

Invariant: the DuckDB text gives what Spark 4 gives in ANSI mode, session time zones being equal, or there is no text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from afluente.core.tables import TableName
from afluente.models.guard import check
from afluente.models.relations import Relations
from afluente.models.scope import Columns, Context
from afluente.models.spark_types import SparkType


@dataclass(frozen=True, slots=True)
class Translation:
    """DuckDB SQL, its output columns, the tables it reads, and the allowed names it used."""

    sql: str
    columns: Columns
    tables: frozenset[TableName]
    used: frozenset[str]


def translate(
    tree: exp.Query,
    schemas: Mapping[TableName, Mapping[str, SparkType]],
    *,
    file: str,
    first_line: int = 1,
    any_rows: bool = False,
) -> Translation:
    """The translation of a parsed query; ModelError with its place for whatever is not allowed.

    `any_rows` allows LIMIT without ORDER BY.
    """
    check(tree, file=file, first_line=first_line)
    context = Context(file, first_line, schemas, any_rows=any_rows)
    relation = Relations(context).query(tree, {})
    return Translation(relation.sql, relation.columns, frozenset(context.tables), frozenset(context.used))
