"""Arithmetic functions: result types by Spark's rules, domains and rounding as Java's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from afluente.models.functions.signature import Signature, first_type, scalar
from afluente.models.spark_types import BIGINT, BOOLEAN, DOUBLE, INT, MAX_PRECISION, SparkType, decimal
from afluente.models.typed import Typed, cast_sql, fail, let

_MAX_ROUNDING = 18
_NAN = "CAST('NaN' AS DOUBLE)"


def _whole(arguments: Sequence[Typed]) -> SparkType:
    kind = arguments[0].type
    if not kind.is_decimal:
        return BIGINT
    return decimal(min(kind.precision - kind.scale + 1, MAX_PRECISION), 0) if kind.scale else kind


def _ceil_or_floor(function: str) -> Callable[[Sequence[Typed]], str]:
    def render(arguments: Sequence[Typed]) -> str:
        kind, sql = arguments[0].type, arguments[0].sql
        if kind.is_fractional:
            return let([f"{function}({sql})"], lambda v: _as_long(v[0]))
        return cast_sql(sql if kind.is_integral else f"{function}({sql})", _whole(arguments))

    return render


def _as_long(sql: str) -> str:
    """A double as Spark makes it a long: NaN is 0, and what is too large fails."""
    return f"CASE WHEN isnan({sql}) THEN 0 ELSE CAST({sql} AS BIGINT) END"


def _digits(arguments: Sequence[Typed]) -> int | None:
    digits = arguments[1].constant if len(arguments) > 1 else 0
    return digits if isinstance(digits, int) and 0 <= digits <= _MAX_ROUNDING else None


def _rounded_type(arguments: Sequence[Typed]) -> SparkType | None:
    kind, digits = arguments[0].type, _digits(arguments)
    if digits is None:
        return None
    if not kind.is_decimal:
        return kind
    scale = min(kind.scale, digits)
    return decimal(min(kind.precision - kind.scale + 1 + scale, MAX_PRECISION), scale)


def _round(arguments: Sequence[Typed]) -> str | None:
    kind, digits, wanted = arguments[0].type, _digits(arguments), _rounded_type(arguments)
    if digits is None or wanted is None:
        return None
    if kind.is_integral:
        return arguments[0].sql
    if kind.is_decimal:
        return cast_sql(arguments[0].sql, wanted)
    exact = decimal(MAX_PRECISION, digits)
    return let(
        [arguments[0].sql],
        lambda v: (
            f"CASE WHEN isfinite({v[0]}) AND abs({v[0]}) < 1e16 "
            f"THEN CAST({cast_sql(f'CAST({v[0]} AS VARCHAR)', exact)} AS DOUBLE) ELSE {v[0]} END"
        ),
    )


def _bround(arguments: Sequence[Typed]) -> str | None:
    kind, digits, wanted = arguments[0].type, _digits(arguments), _rounded_type(arguments)
    if digits is None or wanted is None or kind.is_fractional:
        return None
    if kind.is_integral or digits >= kind.scale:
        return cast_sql(arguments[0].sql, wanted)
    unit = "1" if not digits else f"0.{'1'.zfill(digits)}"
    half = f"0.{'5'.zfill(digits + 1)}"

    def body(v: Sequence[str]) -> str:
        up = cast_sql(v[0], wanted)
        odd = f"CAST({up} * {10**digits} AS HUGEINT) % 2 <> 0"
        back = f"CASE WHEN {v[0]} < 0 THEN -{unit} ELSE {unit} END"
        tie = f"abs({up} - {v[0]}) = {half} AND {odd}"
        return f"CASE WHEN {tie} THEN {cast_sql(f'{up} - {back}', wanted)} ELSE {up} END"

    return let([arguments[0].sql], body)


def _domain(condition: str, otherwise: str, function: str) -> Callable[[Sequence[Typed]], str]:
    def render(arguments: Sequence[Typed]) -> str:
        return let(
            [arguments[0].sql],
            lambda v: (
                f"CASE WHEN {condition.format(x=v[0])} THEN {function.format(x=v[0])} "
                f"WHEN {v[0]} IS NOT NULL THEN {otherwise} END"
            ),
        )

    return render


def _log(arguments: Sequence[Typed]) -> str:
    return let(
        [a.sql for a in arguments],
        lambda v: f"CASE WHEN {v[0]} > 0 AND {v[1]} > 0 THEN ln({v[1]}) / ln({v[0]}) END",
    )


def _power(arguments: Sequence[Typed]) -> str:
    return let(
        [a.sql for a in arguments],
        lambda v: (
            f"CASE WHEN {v[0]} IS NOT NULL AND (isnan({v[1]}) OR (abs({v[0]}) = 1 AND isinf({v[1]}))) THEN {_NAN} "
            f"ELSE pow({v[0]}, {v[1]}) END"
        ),
    )


def _modulo(*, is_positive: bool, is_try: bool = False) -> Callable[[Sequence[Typed]], str | None]:
    def render(arguments: Sequence[Typed]) -> str | None:
        kind = arguments[0].type
        if kind.is_decimal or not kind.is_number:
            return None
        zero = cast_sql("NULL", kind) if is_try else fail("division by zero", kind)

        def body(v: Sequence[str]) -> str:
            plain = f"{v[0]} % {v[1]}"
            if kind.is_integral:
                plain = f"CASE WHEN {v[1]} = -1 AND {v[0]} IS NOT NULL THEN 0 ELSE {plain} END"
            rest = cast_sql(plain, kind)
            if is_positive:
                shifted = cast_sql(f"({rest} + {v[1]}) % {v[1]}", kind)
                rest = f"CASE WHEN {rest} < 0 THEN {shifted} ELSE {rest} END"
            return f"CASE WHEN {v[1]} = 0 AND {v[0]} IS NOT NULL THEN {zero} ELSE {rest} END"

        return let([argument.sql for argument in arguments], body)

    return render


def _plain(name: str, sql: str) -> Signature:
    return scalar(name, "double", DOUBLE, sql)


_WITHIN_ONE = "(abs({x}) <= 1 OR isnan({x}))"

SIGNATURES: tuple[Signature, ...] = (
    scalar("abs", "number", first_type, lambda a: cast_sql(f"abs({a[0].sql})", a[0].type)),
    scalar("negative", "number", first_type, lambda a: cast_sql(f"-({a[0].sql})", a[0].type)),
    scalar("positive", "number", first_type, "{0}"),
    *(scalar(name, "number", _whole, _ceil_or_floor("ceil")) for name in ("ceil", "ceiling")),
    scalar("floor", "number", _whole, _ceil_or_floor("floor")),
    scalar("round", "number", _rounded_type, _round),
    scalar("round", "number, constant int", _rounded_type, _round),
    scalar("bround", "number", _rounded_type, _bround),
    scalar("bround", "number, constant int", _rounded_type, _bround),
    *(scalar(name, "double, double", DOUBLE, _power) for name in ("power", "pow")),
    scalar("sqrt", "double", DOUBLE, _domain("({x} >= 0 OR isnan({x}))", _NAN, "sqrt({x})")),
    _plain("cbrt", "cbrt({0})"),
    _plain("exp", "exp({0})"),
    *(scalar(name, "double", DOUBLE, _domain("{x} > 0", "NULL", "ln({x})")) for name in ("ln", "log")),
    scalar("log", "double, double", DOUBLE, _log),
    scalar("log10", "double", DOUBLE, _domain("{x} > 0", "NULL", "log10({x})")),
    scalar("log2", "double", DOUBLE, _domain("{x} > 0", "NULL", "log2({x})")),
    *(_plain(name, "CASE WHEN isnan({0}) THEN {0} ELSE CAST(sign({0}) AS DOUBLE) END") for name in ("sign", "signum")),
    _plain("sin", "sin({0})"),
    _plain("cos", "cos({0})"),
    _plain("tan", "tan({0})"),
    scalar("asin", "double", DOUBLE, _domain(_WITHIN_ONE, _NAN, "asin({x})")),
    scalar("acos", "double", DOUBLE, _domain(_WITHIN_ONE, _NAN, "acos({x})")),
    _plain("atan", "atan({0})"),
    scalar("atan2", "double, double", DOUBLE, "atan2({0} + 0.0, {1} + 0.0)"),
    _plain("sinh", "sinh({0})"),
    _plain("cosh", "cosh({0})"),
    _plain("tanh", "tanh({0})"),
    _plain("degrees", "degrees({0})"),
    _plain("radians", "radians({0})"),
    scalar("pi", "", DOUBLE, "pi()"),
    scalar("e", "", DOUBLE, "exp(1.0::DOUBLE)"),
    scalar("hypot", "double, double", DOUBLE, "sqrt({0} * {0} + {1} * {1})"),
    _plain("rint", "round_even({0}, 0)"),
    scalar("isnan", "double", BOOLEAN, "coalesce(isnan({0}), FALSE)"),
    scalar("nanvl", "double, double", DOUBLE, "CASE WHEN isnan({0}) THEN {1} ELSE {0} END"),
    scalar("factorial", "int", BIGINT, "CASE WHEN {0} BETWEEN 0 AND 20 THEN CAST(factorial({0}) AS BIGINT) END"),
    scalar("mod", "common, common", first_type, _modulo(is_positive=False)),
    scalar("pmod", "common, common", first_type, _modulo(is_positive=True)),
    scalar("try_mod", "common, common", first_type, _modulo(is_positive=False, is_try=True)),
    scalar("bit_count", "integral", INT, "CAST(bit_count(CAST({0} AS BIGINT)) AS INTEGER)"),
    scalar("shiftright", "int, int", INT, "({0} >> ({1} & 31))"),
    scalar("shiftright", "bigint, int", BIGINT, "({0} >> ({1} & 63))"),
    scalar(
        "width_bucket",
        "double, double, double, bigint",
        BIGINT,
        "CASE WHEN {0} IS NULL OR {1} IS NULL OR {2} IS NULL OR {3} IS NULL OR {3} <= 0 OR {1} = {2} OR isnan({0}) OR isnan({1}) OR isnan({2}) THEN NULL "
        "WHEN {1} < {2} AND {0} < {1} OR {1} > {2} AND {0} > {1} THEN 0 "
        "WHEN {1} < {2} AND {0} >= {2} OR {1} > {2} AND {0} <= {2} THEN {3} + 1 "
        "ELSE CAST(floor({3} * ({0} - {1}) / ({2} - {1})) AS BIGINT) + 1 END",
    ),
)
