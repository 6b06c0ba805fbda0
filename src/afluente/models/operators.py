"""Arithmetic, comparison and logic: the operators allowed, by operand type, with Spark's result types.

Invariant: an operator applied to types that are not named here is refused.
"""

from __future__ import annotations

from afluente.models.casts import divided
from afluente.models.spark_types import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    INT,
    INTERVAL,
    MAX_PRECISION,
    STRING,
    SparkType,
    decimal,
    wider,
)
from afluente.models.typed import Typed, cast_sql, coerce, fail, let

_MIN_DIVISION_SCALE = 6

COMPARISONS = {
    "EQ": "=",
    "NEQ": "<>",
    "GT": ">",
    "GTE": ">=",
    "LT": "<",
    "LTE": "<=",
    "NullSafeEQ": "IS NOT DISTINCT FROM",
}
ARITHMETIC = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "/", "IntDiv": "div", "Mod": "%"}
BITWISE = {"BitwiseAnd": "&", "BitwiseOr": "|", "BitwiseXor": "^"}
LOGIC = {"And": "AND", "Or": "OR"}


def comparable(left: Typed, right: Typed) -> tuple[Typed, Typed] | None:
    """Both sides in the type Spark compares them in, or None."""
    common = wider(left.type, right.type)
    if common is None and left.type.is_number and right.type.is_number:
        return left, right
    if common is None:
        common = left.type if coerce(right, left.type) else right.type
    first, second = coerce(left, common), coerce(right, common)
    return (first, second) if first and second else None


def compare(kind: str, left: Typed, right: Typed) -> str | None:
    names = {left.type.name, right.type.name}
    if names & {"map", "struct"} or ("array" in names and kind not in ("EQ", "NEQ", "NullSafeEQ")):
        return None
    pair = comparable(left, right)
    return f"({pair[0].sql} {COMPARISONS[kind]} {pair[1].sql})" if pair else None


def arithmetic(kind: str, left: Typed, right: Typed) -> tuple[str, SparkType] | None:
    """DuckDB SQL and Spark type of `left <op> right`, or None."""
    if left.type.name in ("date", "timestamp"):
        return _time_arithmetic(kind, left, right)
    if kind == "Add" and right.type.name in ("date", "timestamp"):
        return _time_arithmetic(kind, right, left)
    left, right = _null_as(left, right.type), _null_as(right, left.type)
    if not (left.type.is_number and right.type.is_number):
        return None
    if kind == "IntDiv":
        return _integral_division(left, right)
    if left.type.is_fractional or right.type.is_fractional:
        return _fractional(kind, left, right)
    if kind == "Div" and left.type.is_integral and right.type.is_integral:
        return _fractional(kind, left, right)
    if left.type.is_decimal or right.type.is_decimal:
        return _decimal(kind, left, right)
    common = wider(left.type, right.type)
    if common is None:
        return None
    first, second = _as(left, common), _as(right, common)
    if kind == "Mod":
        return let([first, second], lambda v: remainder(v[0], v[1], common, right.constant)), common
    return cast_sql(f"{first} {ARITHMETIC[kind]} {second}", common), common


def _null_as(side: Typed, kind: SparkType) -> Typed:
    return side.with_sql(cast_sql("NULL", kind), kind) if side.type.name == "void" and kind.is_number else side


def _as(side: Typed, kind: SparkType) -> str:
    return side.sql if side.type == kind else cast_sql(side.sql, kind)


def _guarded(left: str, right: str, sql: str, kind: SparkType, constant: object = None) -> str:
    if isinstance(constant, int) and constant:
        return sql
    return f"CASE WHEN {right} = 0 AND {left} IS NOT NULL THEN {fail('division by zero', kind)} ELSE {sql} END"


def remainder(left: str, right: str, kind: SparkType, constant: object = None) -> str:
    """`left % right` of integers: by zero it fails, and by -1 it is 0 even for the smallest number."""
    if isinstance(constant, int) and constant not in (0, -1):
        return cast_sql(f"{left} % {right}", kind)
    rest = f"CASE WHEN {right} = -1 AND {left} IS NOT NULL THEN 0 ELSE {left} % {right} END"
    return _guarded(left, right, cast_sql(rest, kind), kind)


def _integral_division(left: Typed, right: Typed) -> tuple[str, SparkType] | None:
    if not (left.type.is_integral and right.type.is_integral):
        return None
    first, second = _as(left, BIGINT), _as(right, BIGINT)
    return let([first, second], lambda v: _guarded(v[0], v[1], f"{v[0]} // {v[1]}", BIGINT, right.constant)), BIGINT


def _fractional(kind: str, left: Typed, right: Typed) -> tuple[str, SparkType]:
    first, second = _as(left, DOUBLE), _as(right, DOUBLE)
    if kind in ("Div", "Mod"):
        symbol = ARITHMETIC[kind]
        return let(
            [first, second], lambda v: _guarded(v[0], v[1], f"{v[0]} {symbol} {v[1]}", DOUBLE, right.constant)
        ), DOUBLE
    return f"({first} {ARITHMETIC[kind]} {second})", DOUBLE


def _decimal_of(side: Typed) -> SparkType:
    if side.type.is_integral and isinstance(side.constant, int):
        return decimal(len(str(abs(side.constant))), 0)
    return side.type.as_decimal


def _decimal(kind: str, left: Typed, right: Typed) -> tuple[str, SparkType] | None:
    first, second = _decimal_of(left), _decimal_of(right)
    result = _decimal_result(kind, first, second)
    if result is None:
        return None
    a, b = _as(left, first), _as(right, second)
    match kind:
        case "Div":
            return (
                let(
                    [a, b],
                    lambda v: (
                        f"CASE WHEN {v[1]} = 0 AND {v[0]} IS NOT NULL THEN {fail('division by zero', result)} "
                        f"ELSE {divided(v[0], f'nullif({v[1]}, 0)', first, second, result)} END"
                    ),
                ),
                result,
            )
        case "Mod":
            return let([a, b], lambda v: _guarded(v[0], v[1], cast_sql(f"{v[0]} % {v[1]}", result), result)), result
        case _:
            roomy = cast_sql(a, decimal(MAX_PRECISION, first.scale)) if kind == "Mul" and result.precision > 18 else a
            return cast_sql(f"{roomy} {ARITHMETIC[kind]} {b}", result), result


def _decimal_result(kind: str, left: SparkType, right: SparkType) -> SparkType | None:
    """Spark's precision rules; None where it would drop digits of a sum or a product."""
    p1, s1, p2, s2 = left.precision, left.scale, right.precision, right.scale
    match kind:
        case "Add" | "Sub":
            scale = max(s1, s2)
            precision = max(p1 - s1, p2 - s2) + scale + 1
        case "Mul":
            precision, scale = p1 + p2 + 1, s1 + s2
        case "Mod":
            scale = max(s1, s2)
            precision = min(p1 - s1, p2 - s2) + scale
        case _:
            scale = max(_MIN_DIVISION_SCALE, s1 + p2 + 1)
            whole = p1 - s1 + s2
            precision = whole + scale
            if precision > MAX_PRECISION:
                scale = max(MAX_PRECISION - whole, min(scale, _MIN_DIVISION_SCALE))
                precision = MAX_PRECISION
                if whole > MAX_PRECISION - _MIN_DIVISION_SCALE:
                    return None
    return decimal(precision, scale) if precision <= MAX_PRECISION else None


def _time_arithmetic(kind: str, left: Typed, right: Typed) -> tuple[str, SparkType] | None:
    if kind not in ("Add", "Sub"):
        return None
    symbol = ARITHMETIC[kind]
    if right.type == INTERVAL:
        unit = str(right.constant)
        if left.type == DATE:
            if unit == "time":
                return None
            return f"CAST({left.sql} {symbol} {right.sql} AS DATE)", DATE
        return f"({left.sql} {symbol} {right.sql})", left.type
    if left.type == DATE and right.type == INT:
        return f"({left.sql} {symbol} {right.sql})", DATE
    return None


def bitwise(kind: str, left: Typed, right: Typed) -> tuple[str, SparkType] | None:
    common = wider(left.type, right.type)
    if common is None or not common.is_integral:
        return None
    first, second = _as(left, common), _as(right, common)
    sql = f"xor({first}, {second})" if kind == "BitwiseXor" else f"({first} {BITWISE[kind]} {second})"
    return sql, common


def logic(kind: str, left: Typed, right: Typed) -> str | None:
    first, second = coerce(left, BOOLEAN), coerce(right, BOOLEAN)
    return f"({first.sql} {LOGIC[kind]} {second.sql})" if first and second else None


def joined(left: Typed, right: Typed) -> str | None:
    first, second = coerce(left, STRING), coerce(right, STRING)
    return f"({first.sql} || {second.sql})" if first and second else None
