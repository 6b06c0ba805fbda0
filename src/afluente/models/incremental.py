"""Making again only the partitions that new rows touched.

Invariant: the rows of the wanted partitions are exactly those a full run gives. The filter stands around the whole
query; it stands on the source too only where that cannot change a row that is kept.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from afluente.core.errors import ModelError
from afluente.models.compile import Compiled, Dialect, Schemas, compile_model
from afluente.models.functions import FUNCTIONS
from afluente.models.parse import parse_model, parse_query
from afluente.models.spark_types import SparkType, parse_type, quote, text
from afluente.models.translate import translate

if TYPE_CHECKING:
    from afluente.project.model import Incremental, Model

PartitionValue = str | int | dt.date | None
_APART = ("'", "\\")
"""What the two dialects write otherwise inside a text: given by its code."""
_PARTITION_TYPES = ("string", "date", "int", "bigint", "smallint", "tinyint")


def touched_sql(model: Model, schemas: Schemas, dialect: Dialect, new_rows: str) -> str:
    """SQL that gives, in one column `partition_value`, the partitions the rows of view `new_rows` belong to.

    The view has the columns of `model.incremental.source`.
    """
    incremental = _incremental(model)
    kind = _partition_type(model, incremental)
    written = (
        f"SELECT DISTINCT CAST(({incremental.source_column}) AS {kind}) AS partition_value FROM {incremental.source}"
    )
    tree = parse_query(written, file=model.place.file, first_line=model.place.line or 1)
    typed = {table: {n: parse_type(k) for n, k in columns.items()} for table, columns in schemas.items()}
    translation = translate(tree, typed, file=model.place.file, first_line=model.place.line or 1)
    if dialect == "spark":
        return f"SELECT DISTINCT CAST(({incremental.source_column}) AS {kind}) AS partition_value FROM {new_rows} AS {incremental.source.name}"
    return translation.sql.replace(quote(incremental.source.view), quote(new_rows))


def with_lookback(
    touched: Iterable[PartitionValue], existing: Iterable[PartitionValue], lookback: int
) -> frozenset[PartitionValue]:
    """The touched partitions and, before each, the `lookback` nearest that exist or are touched. Null has none before it."""
    wanted = frozenset(touched)
    line = sorted({value for value in (*existing, *wanted) if value is not None}, key=_sort_key)
    places = {value: place for place, value in enumerate(line)}
    earlier = {
        line[place]
        for value in wanted
        if value is not None
        for place in range(max(places[value] - lookback, 0), places[value])
    }
    return wanted | earlier


def _sort_key(value: PartitionValue) -> tuple[int, str]:
    return (value, "") if isinstance(value, int) else (0, str(value))


def compile_partitions(
    model: Model, schemas: Schemas, dialect: Dialect, timezone: str, partitions: Collection[PartitionValue]
) -> Compiled:
    """The model compiled to give only the rows whose time column is one of `partitions`."""
    incremental = _incremental(model)
    kind = _partition_type(model, incremental)
    pushed = _pushed(model, incremental, _condition(f"({incremental.source_column})", partitions, kind))
    whole = compile_model(pushed or model, schemas, dialect, timezone)
    name = f"`{incremental.time_column}`" if dialect == "spark" else quote(incremental.time_column)
    condition = _condition(name, partitions, kind)
    sql = f"SELECT * FROM ({whole.sql}) AS touched WHERE {condition}"
    return Compiled(sql, dialect, whole.columns, whole.tables, timezone, whole.used)


def _incremental(model: Model) -> Incremental:
    if model.incremental is None:
        raise ModelError("model.not_incremental", f"model {model.table} has no incremental setting", place=model.place)
    return model.incremental


def _partition_type(model: Model, incremental: Incremental) -> SparkType:
    for column in model.columns:
        if column.name.lower() == incremental.time_column.lower():
            kind = parse_type(column.type)
            if kind.name in _PARTITION_TYPES:
                return kind
            message = f"model {model.table}: time column '{column.name}' is {kind}"
            hint = f"partitions are {', '.join(_PARTITION_TYPES[:4])}; give the day or the month of a timestamp"
            raise ModelError("model.partition_type", message, hint=hint, place=model.place)
    message = f"model {model.table}: time column '{incremental.time_column}' is not declared"
    raise ModelError("model.columns_differ", message, hint="declare it under columns", place=model.place)


def _condition(column: str, partitions: Collection[PartitionValue], kind: SparkType) -> str:
    values = sorted((value for value in partitions if value is not None), key=_sort_key)
    parts = [f"{column} IN ({', '.join(_literal(value, kind) for value in values)})"] if values else []
    if None in partitions:
        parts.append(f"{column} IS NULL")
    return f"({' OR '.join(parts)})" if parts else "(1 = 0)"


def _literal(value: PartitionValue, kind: SparkType) -> str:
    if kind.is_integral:
        return str(int(str(value)))
    if kind.name == "date":
        return f"DATE '{dt.date.fromisoformat(str(value)).isoformat()}'"
    pieces = [
        f"chr({ord(piece)})" if piece in _APART else text(piece) for piece in re.split(r"(['\\])", str(value)) if piece
    ]
    return pieces[0] if len(pieces) == 1 else f"concat({', '.join(pieces or [text('')])})"


def _pushed(model: Model, incremental: Incremental, condition: str) -> Model | None:
    """The model with the condition in its WHERE, when its one SELECT shows the source's expression as it is."""
    tree = parse_model(model)
    if not isinstance(tree, exp.Select) or any(
        True for _ in tree.find_all(exp.Window, exp.Limit, exp.Subquery, exp.CTE)
    ):
        return None
    tables = [(node.text("db").lower(), node.name.lower()) for node in tree.find_all(exp.Table)]
    if tables != [(incremental.source.layer, incremental.source.name)] or tree.args.get("laterals"):
        return None
    if any(tree.find(kind) for kind in (exp.Rollup, exp.Cube, exp.GroupingSets)):
        return None
    shown = next(
        (item for item in tree.expressions if item.alias_or_name.lower() == incremental.time_column.lower()), None
    )
    wanted = parse_query(f"SELECT {incremental.source_column}", file=model.place.file).expressions[0]
    if shown is None or _bare(shown.unalias()) != _bare(wanted):
        return None
    if tree.args.get("group") is None and any(_is_aggregate(node) for node in tree.find_all(exp.Anonymous)):
        return None
    return _with_where(model, tree, condition)


def _bare(node: exp.Expr) -> str:
    copied = node.copy()
    for column in copied.find_all(exp.Column):
        column.set("table", None)
        column.set("db", None)
    return copied.sql(dialect="spark").lower()


def _is_aggregate(node: exp.Anonymous) -> bool:
    return any(signature.kind == "aggregate" for signature in FUNCTIONS.get(str(node.this).lower(), ()))


def _with_where(model: Model, tree: exp.Select, condition: str) -> Model | None:
    """The same text with the condition added by tokens, so that places and the rest stay as written."""
    where = tree.args.get("where")
    if where is not None:
        tokens = [part.meta for part in where.walk() if "start" in part.meta]
        start = min(meta["start"] for meta in tokens)
        head = model.sql[:start]
        opened = head.lower().rfind("where")
        if opened < 0 or head[opened + 5 :].strip(" \n\t(") or head[opened + 5 :].strip():
            return None
        return (
            replace(model, sql=f"{model.sql[: opened + 5]} {condition} AND{model.sql[opened + 5 :]}")
            if not where.find(exp.Or)
            else None
        )
    source = next(tree.find_all(exp.Table))
    ends = [part.meta["end"] for part in source.walk() if "end" in part.meta]
    at = max(ends) + 1
    return replace(model, sql=f"{model.sql[:at]} WHERE {condition}{model.sql[at:]}")
