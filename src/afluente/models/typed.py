"""A translated expression with its Spark type, and the few SQL shapes every translation is made of.

Invariant: a failure that Spark raises is a constant cast that cannot succeed, so the translated SQL stays deterministic.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from afluente.models.spark_types import DATE, STRING, TIMESTAMP, SparkType, text, wider

_LONG_SQL = 160
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ISO_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(\.\d{1,6})?")
_NEVER_FAILS = frozenset(
    [
        *["btrim", "trim", "ltrim", "rtrim", "left", "right", "substr", "substring", "concat", "replace", "translate"],
        *["lower", "lcase", "upper", "ucase", "coalesce", "nvl", "nvl2", "ifnull", "nullif", "if", "regexp_replace"],
    ]
)
_NEVER_FAIL = (exp.Column, exp.Identifier, exp.Literal, exp.Null, exp.Boolean, exp.Paren, exp.DPipe, exp.Trim)


@dataclass(frozen=True, slots=True)
class Typed:
    """DuckDB SQL that means what `node` means in Spark, and its Spark type. `constant` is a literal's value."""

    sql: str
    type: SparkType
    node: exp.Expr
    constant: str | int | None = None

    def with_sql(self, sql: str, kind: SparkType) -> Typed:
        return replace(self, sql=sql, type=kind, constant=None)


def cast_sql(sql: str, kind: SparkType) -> str:
    return f"CAST({sql} AS {kind.duckdb})"


def fail(message: str, kind: SparkType) -> str:
    """An expression of type `kind` that fails with `message` when, and only when, it is evaluated."""
    if kind == STRING:
        return f"CAST(CAST({text(message)} AS INTEGER) AS VARCHAR)"
    return cast_sql(text(message), kind)


def let(values: Sequence[str], body: Callable[[Sequence[str]], str]) -> str:
    """`body` over values it uses more than once: written out when short, bound to names when long."""
    if all(len(value) <= _LONG_SQL for value in values):
        return body(values)
    depth = max(_depth(value) for value in values)
    bound = f"bound_{depth}"
    fields = ", ".join(f"'v{index}': {value}" for index, value in enumerate(values))
    inner = body([f"{bound}.v{index}" for index in range(len(values))])
    return f"list_transform([{{{fields}}}], lambda {bound}: {inner})[1]"


def tried(arguments: Sequence[Typed], body: Callable[[Sequence[Typed]], str | None]) -> str | None:
    """`body`, null where it fails. What fails in an argument still fails, as in Spark."""
    risky = [index for index, argument in enumerate(arguments) if can_fail(argument.node)]
    depth = max((int(found) + 1 for a in arguments for found in re.findall(r"lambda tried_(\d+):", a.sql)), default=0)
    name = f"tried_{depth}"
    given = [replace(a, sql=f"{name}.v{index}") if index in risky else a for index, a in enumerate(arguments)]
    sql = body(given)
    if sql is None or not risky:
        return None if sql is None else f"TRY({sql})"
    fields = ", ".join(f"'v{index}': {arguments[index].sql}" for index in risky)
    return f"list_transform([{{{fields}}}], lambda {name}: TRY({sql}))[1]"


def can_fail(node: exp.Expr) -> bool:
    """False only where nothing in an expression can raise an error."""
    return not all(
        str(part.this).lower() in _NEVER_FAILS if isinstance(part, exp.Anonymous) else isinstance(part, _NEVER_FAIL)
        for part in node.walk()
    )


def _depth(sql: str) -> int:
    return max((int(found) + 1 for found in re.findall(r"lambda bound_(\d+):", sql)), default=0)


def is_iso_date(value: object) -> bool:
    if not isinstance(value, str) or not _ISO_DATE.fullmatch(value):
        return False
    try:
        dt.date.fromisoformat(value)
    except ValueError:
        return False
    return True


def is_iso_timestamp(value: object) -> bool:
    if is_iso_date(value):
        return True
    if not isinstance(value, str) or not _ISO_TIMESTAMP.fullmatch(value):
        return False
    try:
        dt.datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def coerce(argument: Typed, wanted: SparkType) -> Typed | None:
    """The argument as `wanted`, where Spark's ANSI mode converts silently and both engines agree; else None."""
    have = argument.type
    if have == wanted:
        return argument
    if have.name == "void":
        return argument.with_sql(cast_sql("NULL", wanted), wanted)
    if have == STRING and wanted == DATE and is_iso_date(argument.constant):
        return argument.with_sql(cast_sql(argument.sql, DATE), DATE)
    if have == STRING and wanted == TIMESTAMP and is_iso_timestamp(argument.constant):
        return argument.with_sql(cast_sql(argument.sql, TIMESTAMP), TIMESTAMP)
    if wider(have, wanted) == wanted:
        return replace(argument, sql=cast_sql(argument.sql, wanted), type=wanted)
    return None
