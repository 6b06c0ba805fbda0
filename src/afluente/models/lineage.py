"""Which columns of which tables each output of a model comes from, through CTEs, subqueries, joins and unions.

Invariant: only columns a value is computed from count; a column that only filters, joins or groups does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage as sqlglot_lineage

from afluente.core.errors import ModelError
from afluente.core.tables import TableName
from afluente.models.parse import SparkSql, parse_model

if TYPE_CHECKING:
    from afluente.project.model import Model


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """A column of a table."""

    table: TableName
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


def trace(model: Model, schemas: Mapping[TableName, Mapping[str, str]]) -> dict[str, tuple[Origin, ...]]:
    """For each declared column, the columns it comes from, sorted; none for a constant or a count."""
    tree = parse_model(model)
    nested: dict[str, dict[str, dict[str, str]]] = {}
    for table, columns in schemas.items():
        nested.setdefault(table.layer, {})[table.name] = dict(columns)
    return {column.name: _origins(model, tree, column.name, nested) for column in model.columns}


def _origins(
    model: Model, tree: exp.Query, column: str, schema: dict[str, dict[str, dict[str, str]]]
) -> tuple[Origin, ...]:
    try:
        root = sqlglot_lineage(column.lower(), tree.copy(), schema=dict(schema), dialect=SparkSql())
    except (SqlglotError, ValueError) as failure:
        message = f"model {model.table}: column '{column}' cannot be traced"
        hint = "give the column an alias in the SELECT, and check it with `afluente check`"
        raise ModelError("model.lineage", message, hint=hint, place=model.place) from failure
    found: set[Origin] = set()
    for node in root.walk():
        if isinstance(node.expression, exp.Table) and node.expression.db:
            table = TableName(node.expression.db.lower(), node.expression.name.lower())
            name = node.name.rsplit(".", 1)[-1].strip('`"')
            if name != "*":
                found.add(Origin(table, name))
    return tuple(sorted(found))
