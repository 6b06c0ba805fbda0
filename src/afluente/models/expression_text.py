"""One Spark SQL expression of a contract, guarded and rendered for an engine.

Invariant: the DuckDB text names the columns of a relation called `s`; the same guard stands before both engines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from sqlglot import exp

from afluente.core.errors import ModelError, Place
from afluente.core.tables import TableName
from afluente.models.expressions import Expressions
from afluente.models.guard import check
from afluente.models.parse import parse_query
from afluente.models.relations import Relation
from afluente.models.scope import Context, Scope, Source
from afluente.models.spark_types import parse_type

ROW = "s"


def translate_expression(
    sql: str, columns: Mapping[str, str], place: Place, dialect: Literal["duckdb", "spark"]
) -> str:
    """The expression over a row of these columns (name to Spark SQL type). ModelError for whatever is not allowed."""
    item = guard_expression(sql, place)
    types = {name: parse_type(kind) for name, kind in columns.items()}
    context = Context(place.file, place.line or 1, {TableName("bronze", "row"): types})
    scope = Scope(context, [Source(ROW, tuple(types.items()))])
    translated = Expressions(scope, _refuse_subqueries(place)).translate(item)
    return translated.sql if dialect == "duckdb" else sql


def guard_expression(sql: str, place: Place) -> exp.Expr:
    """The tree of one expression of allowed syntax, whatever its columns are. ModelError."""
    first_line = place.line or 1
    tree = parse_query(
        f"SELECT {sql}", file=place.file, first_line=first_line, hint="write one expression in Spark SQL: valor >= 0"
    )
    check(tree, file=place.file, first_line=first_line)
    items = tree.expressions if isinstance(tree, exp.Select) else []
    if len(items) != 1 or tree.args.get("from_") or tree.args.get("where"):
        raise ModelError(
            "contract.expression_not_one", f"'{sql}' is not one expression", hint="write one expression", place=place
        )
    item: exp.Expr = items[0].this if isinstance(items[0], exp.Alias) else items[0]
    return item


def _refuse_subqueries(place: Place) -> Callable[[exp.Expr, Scope], Relation]:
    def refuse(node: exp.Expr, scope: Scope) -> Relation:  # noqa: ARG001 - the translator's signature
        raise ModelError(
            "contract.expression_subquery",
            "an expression of a contract reads one row and may not hold a query",
            hint="use a `references` rule, or a model",
            place=place,
        )

    return refuse
