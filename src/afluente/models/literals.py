"""Literals: numbers typed as Spark types them, intervals of one unit, patterns of LIKE."""

from __future__ import annotations

from decimal import Decimal

from sqlglot import exp

from afluente.models.scope import Context
from afluente.models.spark_types import BIGINT, DOUBLE, INT, INTERVAL, MAX_PRECISION, STRING, decimal, text
from afluente.models.typed import Typed, cast_sql

_INT_LIMIT = 2**31
_BIGINT_LIMIT = 2**63
_DATE_UNITS = {"YEAR": ("MONTH", 12), "MONTH": ("MONTH", 1), "WEEK": ("DAY", 7), "DAY": ("DAY", 1)}
_TIME_UNITS = {"HOUR": ("SECOND", 3600), "MINUTE": ("SECOND", 60), "SECOND": ("SECOND", 1)}


def string(node: exp.Literal) -> Typed:
    value = str(node.this)
    return Typed(text(value), STRING, node, value)


def number(literal: exp.Literal, context: Context, *, sign: str = "", node: exp.Expr | None = None) -> Typed:
    """A numeric literal, with the sign before it: int, bigint, decimal or, with an exponent, double."""
    written = f"{sign}{literal.this}"
    place = node or literal
    if "e" in written.lower():
        return Typed(f"CAST('{written}' AS DOUBLE)", DOUBLE, place)
    if "." not in written:
        value = int(written)
        if -_INT_LIMIT <= value < _INT_LIMIT:
            return Typed(f"CAST({value} AS INTEGER)", INT, place, value)
        if -_BIGINT_LIMIT <= value < _BIGINT_LIMIT:
            return Typed(f"CAST({value} AS BIGINT)", BIGINT, place, value)
    exact = Decimal(written).as_tuple()
    scale = -int(exact.exponent)
    precision = max(len(exact.digits), scale)
    if precision > MAX_PRECISION:
        context.refuse(place, f"a number has at most {MAX_PRECISION} digits")
    kind = decimal(precision, scale)
    return Typed(cast_sql(f"'{written}'", kind), kind, place)


def interval(node: exp.Interval) -> Typed | None:
    """INTERVAL n UNIT; `constant` is `date` or `time`, which decides what it may be added to."""
    written = node.this
    sign = 1
    if isinstance(written, exp.Neg):
        written, sign = written.this, -1
    unit = str(node.args["unit"]).upper().rstrip("S") if node.args.get("unit") else ""
    if not isinstance(written, exp.Literal) or not str(written.this).strip().lstrip("+-").isdigit():
        return None
    found = _DATE_UNITS.get(unit) or _TIME_UNITS.get(unit)
    if found is None:
        return None
    count = sign * int(str(written.this).strip()) * found[1]
    return Typed(f"INTERVAL ({count}) {found[0]}", INTERVAL, node, "date" if unit in _DATE_UNITS else "time")


def like_pattern(pattern: str, escape: str) -> bool:
    """Whether Spark accepts the pattern: the escape only stands before %, _ or itself."""
    position = 0
    while position < len(pattern):
        if pattern[position] == escape:
            if pattern[position + 1 : position + 2] not in ("%", "_", escape):
                return False
            position += 1
        position += 1
    return True
