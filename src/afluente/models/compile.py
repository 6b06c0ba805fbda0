"""A model compiled for one engine: the text that runs, its output columns, and the tables it reads.

Invariant: both dialects come from one text that passed the same guard; outputs have exactly the declared columns, in
the declared order, cast to the declared types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlglot import exp

from afluente.core.errors import ModelError
from afluente.core.tables import TableName
from afluente.models import casts
from afluente.models.parse import parse_model
from afluente.models.spark_types import SparkType, parse_type, quote
from afluente.models.translate import Translation, translate
from afluente.models.typed import Typed

if TYPE_CHECKING:
    from afluente.project.model import Model, ModelColumn

Dialect = Literal["duckdb", "spark"]
Schemas = Mapping[TableName, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Compiled:
    """SQL of one engine, over views named by `TableName.view`."""

    sql: str
    dialect: Dialect
    columns: tuple[ModelColumn, ...]
    tables: tuple[TableName, ...]
    timezone: str
    used: frozenset[str]


def compile_model(model: Model, schemas: Schemas, dialect: Dialect, timezone: str) -> Compiled:
    """Compile for an engine whose session time zone is `timezone`.

    `schemas` gives every input table's columns as Spark SQL types. ModelError: `model.syntax`, `model.not_allowed`,
    `model.unknown_table`, `model.unknown_column`, `model.columns_differ` and the like, with place and hint.
    """
    tree = parse_model(model)
    typed = {table: {name: parse_type(kind) for name, kind in columns.items()} for table, columns in schemas.items()}
    translation = translate(tree, typed, file=model.place.file, first_line=model.sql_line)
    check_columns(model, translation)
    inner = translation.sql if dialect == "duckdb" else spark_text(model.sql, tree)
    sql = _outputs(model, translation, inner, dialect)
    return Compiled(sql, dialect, model.columns, tuple(sorted(translation.tables)), timezone, translation.used)


def check_columns(model: Model, translation: Translation) -> None:
    """ModelError `model.columns_differ` unless the query gives exactly the declared columns."""
    declared = [column.name.lower() for column in model.columns]
    given = [name.lower() for name, _ in translation.columns]
    missing = [name for name in declared if name not in given]
    extra = [name for name in given if name not in declared]
    if not missing and not extra:
        return
    parts = [f"the SELECT lacks {', '.join(missing)}"] if missing else []
    parts += (
        [f"{', '.join(extra)} is not declared" if len(extra) == 1 else f"{', '.join(extra)} are not declared"]
        if extra
        else []
    )
    raise ModelError(
        "model.columns_differ",
        f"model {model.table}: {' and '.join(parts)}",
        hint="give each output an alias that is a declared column, and declare each output",
        place=model.place,
    )


def spark_text(sql: str, tree: exp.Query) -> str:
    """The model as written, with only the names of tables replaced by the names of their views."""
    replaced: list[tuple[int, int, str]] = []
    for node in tree.find_all(exp.Table, exp.Column):
        layer = node.args.get("db")
        name = node.args.get("table") if isinstance(node, exp.Column) else node.this
        if not isinstance(layer, exp.Identifier) or not isinstance(name, exp.Identifier):
            continue
        view = TableName(layer.name.lower(), name.name.lower()).view
        if isinstance(node, exp.Table) and not node.alias:
            view = f"{view} AS {name.name}"
        elif isinstance(node, exp.Column):
            view = name.name
        replaced.append((layer.meta["start"], name.meta["end"] + 1, view))
    out = sql
    for start, end, view in sorted(replaced, reverse=True):
        out = out[:start] + view + out[end:]
    return out.rstrip().rstrip(";")


def _outputs(model: Model, translation: Translation, inner: str, dialect: Dialect) -> str:
    given = {name.lower(): (name, kind) for name, kind in translation.columns}
    items: list[str] = []
    for column in model.columns:
        name, kind = given[column.name.lower()]
        wanted = parse_type(column.type)
        items.append(_output(model, column, name, kind, wanted, dialect))
    if dialect == "spark":
        return f"SELECT {', '.join(items)} FROM (\n{inner}\n) AS afluente_model"
    return f"SELECT {', '.join(items)} FROM ({inner}) AS afluente_model"


def _output(model: Model, column: ModelColumn, name: str, kind: SparkType, wanted: SparkType, dialect: Dialect) -> str:
    cast = casts.cast(Typed(quote(name), kind, exp.Null()), wanted)
    if cast is None:
        raise ModelError(
            "model.column_type",
            f"model {model.table}: column '{column.name}' is {kind} and cannot be cast to {wanted}",
            hint=f"declare it {kind}, or convert it in the SELECT",
            place=model.place,
        )
    if dialect == "duckdb":
        return f"{cast} AS {quote(column.name)}"
    ticked = "`" + name.replace("`", "``") + "`"
    shown = ticked if kind == wanted else f"CAST({ticked} AS {wanted})"
    return f"{shown} AS `{column.name}`"
