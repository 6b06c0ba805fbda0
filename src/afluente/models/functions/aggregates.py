"""Aggregates and window functions, with the result types and the null rules of Spark.

Invariant: one whose answer depends on the order rows arrive in is allowed only where an order is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from afluente.models.casts import divided
from afluente.models.functions.signature import DISTINCT, OVER, Signature, aggregate, first_type, ranking
from afluente.models.spark_types import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    INT,
    MAX_PRECISION,
    SparkType,
    array_of,
    decimal,
)
from afluente.models.typed import Typed, cast_sql

_AGG = OVER


def _sum_type(arguments: Sequence[Typed]) -> SparkType:
    kind = arguments[0].type
    if kind.is_decimal:
        return decimal(min(kind.precision + 10, MAX_PRECISION), kind.scale)
    return BIGINT if kind.is_integral else DOUBLE


def _sum(arguments: Sequence[Typed]) -> str:
    argument = arguments[0]
    sql = cast_sql(argument.sql, DOUBLE) if argument.type.is_fractional else argument.sql
    return cast_sql(f"sum({DISTINCT}{sql}){_AGG}", _sum_type(arguments))


def _average_type(arguments: Sequence[Typed]) -> SparkType | None:
    kind = arguments[0].type
    if not kind.is_decimal:
        return DOUBLE
    return decimal(kind.precision + 4, kind.scale + 4) if kind.precision + 10 <= MAX_PRECISION else None


def _average(arguments: Sequence[Typed]) -> str | None:
    kind, sql = arguments[0].type, arguments[0].sql
    result = _average_type(arguments)
    if result is None:
        return None
    if not kind.is_decimal:
        return f"avg({DISTINCT}{cast_sql(sql, DOUBLE) if kind.is_fractional else sql}){_AGG}"
    total_type = decimal(kind.precision + 10, kind.scale)
    total = cast_sql(f"sum({DISTINCT}{sql}){_AGG}", total_type)
    count = f"nullif(count({DISTINCT}{sql}){_AGG}, 0)"
    return divided(total, count, total_type, decimal(20, 0), result)


def _count(arguments: Sequence[Typed]) -> str:
    if len(arguments) == 1:
        return f"count({DISTINCT}{arguments[0].sql}){_AGG}"
    tests = " AND ".join(f"{argument.sql} IS NOT NULL" for argument in arguments)
    fields = ", ".join(argument.sql for argument in arguments)
    return f"count({DISTINCT}CASE WHEN {tests} THEN row({fields}) END){_AGG}"


def _percentile(arguments: Sequence[Typed]) -> str | None:
    if not isinstance(arguments[1].node, exp.Literal):
        return None
    return f"quantile_cont({cast_sql(arguments[0].sql, DOUBLE)}, CAST({arguments[1].node.this} AS DOUBLE)){_AGG}"


def _spread(function: str) -> Callable[[Sequence[Typed]], str]:
    return lambda arguments: f"{function}({', '.join(a.sql for a in arguments)}){_AGG}"


def _spreads(names: str, function: str, parameters: str = "double") -> list[Signature]:
    return [aggregate(name, parameters, DOUBLE, _spread(function)) for name in names.split()]


def _offset(function: str) -> Callable[[Sequence[Typed]], str | None]:
    def render(arguments: Sequence[Typed]) -> str | None:
        if len(arguments) > 1 and not isinstance(arguments[1].constant, int):
            return None
        return f"{function}({', '.join(a.sql for a in arguments)}){_AGG}"

    return render


def _offset_default(function: str) -> Callable[[Sequence[Typed]], str | None]:
    def render(arguments: Sequence[Typed]) -> str | None:
        if not isinstance(arguments[1].constant, int) or arguments[2].type != arguments[0].type:
            return None
        return f"{function}({', '.join(a.sql for a in arguments)}){_AGG}"

    return render


def _nth(arguments: Sequence[Typed]) -> str | None:
    place = arguments[1].constant
    return f"nth_value({arguments[0].sql}, {place}){_AGG}" if isinstance(place, int) and place > 0 else None


def _collected(arguments: Sequence[Typed]) -> str:
    return _without_nulls(f"list({DISTINCT}{arguments[0].sql}){_AGG}", arguments)


def _collected_set(arguments: Sequence[Typed]) -> str:
    return _without_nulls(f"list(DISTINCT {arguments[0].sql}){_AGG}", arguments)


def _without_nulls(sql: str, arguments: Sequence[Typed]) -> str:
    kept = f"list_filter({sql}, lambda element: element IS NOT NULL)"
    return f"coalesce({kept}, {cast_sql('[]', array_of(arguments[0].type))})"


SIGNATURES: tuple[Signature, ...] = (
    aggregate("count", "any, any*", BIGINT, _count, takes_distinct=True),
    aggregate("count_if", "boolean", BIGINT, "count(CASE WHEN {0} THEN 1 END){over}"),
    aggregate("sum", "number", _sum_type, _sum, takes_distinct=True),
    *(aggregate(name, "number", _average_type, _average, takes_distinct=True) for name in ("avg", "mean")),
    aggregate("min", "plain", first_type, "min({0}){over}"),
    aggregate("max", "plain", first_type, "max({0}){over}"),
    aggregate("max_by", "any, plain", first_type, "arg_max({0}, {1}){over}"),
    aggregate("min_by", "any, plain", first_type, "arg_min({0}, {1}){over}"),
    *(aggregate(name, "boolean", BOOLEAN, "bool_and({0}){over}") for name in ("bool_and", "every")),
    *(aggregate(name, "boolean", BOOLEAN, "bool_or({0}){over}") for name in ("bool_or", "some")),
    aggregate("bit_and", "integral", first_type, "bit_and({0}){over}"),
    aggregate("bit_or", "integral", first_type, "bit_or({0}){over}"),
    aggregate("bit_xor", "integral", first_type, "bit_xor({0}){over}"),
    *_spreads("stddev stddev_samp std", "stddev_samp"),
    *_spreads("stddev_pop", "stddev_pop"),
    *_spreads("variance var_samp", "var_samp"),
    *_spreads("var_pop", "var_pop"),
    *_spreads("covar_pop", "covar_pop", "double, double"),
    *_spreads("covar_samp", "covar_samp", "double, double"),
    aggregate(
        "corr",
        "double, double",
        DOUBLE,
        "CASE WHEN regr_count({0}, {1}){over} > 1 AND regr_sxx({0}, {1}){over} <> 0 AND regr_syy({0}, {1}){over} <> 0 "
        "THEN corr({0}, {1}){over} END",
    ),
    aggregate("percentile", "number, number", DOUBLE, _percentile),
    aggregate("median", "number", DOUBLE, lambda a: f"quantile_cont({cast_sql(a[0].sql, DOUBLE)}, 0.5){_AGG}"),
    *(
        aggregate(name, "any", lambda a: array_of(a[0].type), _collected, takes_distinct=True)
        for name in ("collect_list", "array_agg")
    ),
    aggregate("collect_set", "any", lambda a: array_of(a[0].type), _collected_set),
    ranking("row_number", "", INT, "CAST(row_number(){over} AS INTEGER)"),
    ranking("rank", "", INT, "CAST(rank(){over} AS INTEGER)"),
    ranking("dense_rank", "", INT, "CAST(dense_rank(){over} AS INTEGER)"),
    ranking("percent_rank", "", DOUBLE, "percent_rank(){over}"),
    ranking("cume_dist", "", DOUBLE, "cume_dist(){over}"),
    ranking("ntile", "constant int", INT, "CAST(ntile({0}){over} AS INTEGER)"),
    ranking("lag", "any", first_type, _offset("lag")),
    ranking("lag", "any, constant int", first_type, _offset("lag")),
    ranking("lag", "any, constant int, any", first_type, _offset_default("lag")),
    ranking("lead", "any", first_type, _offset("lead")),
    ranking("lead", "any, constant int", first_type, _offset("lead")),
    ranking("lead", "any, constant int, any", first_type, _offset_default("lead")),
    *(ranking(name, "any", first_type, "first_value({0}{nulls}){over}") for name in ("first_value", "first")),
    *(ranking(name, "any", first_type, "last_value({0}{nulls}){over}") for name in ("last_value", "last")),
    ranking("nth_value", "any, constant int", first_type, _nth),
)
