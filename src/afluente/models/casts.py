"""CAST and TRY_CAST: which pairs of types may be converted, and how DuckDB does it as Spark 4 does.

Invariant: a pair that is not here is refused; text is checked against Spark's own grammar before DuckDB, which
accepts more, converts it.
"""

from __future__ import annotations

from afluente.models.spark_types import BINARY, BOOLEAN, DATE, STRING, SparkType, decimal
from afluente.models.typed import Typed, cast_sql, fail, let, tried

_MOST_DIGITS = 38
_EDGES = r"[\x00-\x20\x7F]*"
_INTEGER = rf"^{_EDGES}[+-]?[0-9]+{_EDGES}$"
_NUMBER = rf"^{_EDGES}[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?{_EDGES}$"
_DOUBLE = rf"^{_EDGES}[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[dDfF]?{_EDGES}$"
_DATE = rf"^{_EDGES}([0-9]{{4,4}})(-([0-9]{{1,2}})(-([0-9]{{1,2}})([ T].*)?)?)?{_EDGES}$"
_TIME = r"[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]{1,6})?"
_TIMESTAMP = (
    rf"^{_EDGES}[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}([ T]{_TIME}([ ]?(Z|[+-][0-9]{{2}}:[0-9]{{2}}))?)?{_EDGES}$"
)
_TRUE = "('t', 'true', 'y', 'yes', '1')"
_FALSE = "('f', 'false', 'n', 'no', '0')"
_BLANKS = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)"


def cast(value: Typed, wanted: SparkType) -> str | None:
    """SQL that converts `value` as Spark's ANSI CAST does, or None when the pair is not in the list."""
    have = value.type
    if have == wanted:
        return value.sql
    if have.name == "void":
        return cast_sql("NULL", wanted)
    if "float" in (have.name, wanted.name):
        return cast_sql(value.sql, wanted) if wanted.name == "double" else None
    if wanted == STRING:
        return _to_string(value)
    if have == STRING:
        return _from_string(value.sql, wanted)
    if have.is_number or have == BOOLEAN:
        return _from_number(value, wanted)
    if have.name in ("date", "timestamp", "timestamp_ntz"):
        return _from_time(value, wanted)
    return None


def try_cast(value: Typed, wanted: SparkType) -> str | None:
    """SQL that is null where the cast would fail."""
    return tried([value], lambda given: cast(given[0], wanted))


def _to_string(value: Typed) -> str | None:
    """Where no digit stands before a decimal's point, DuckDB writes no zero there: one more digit brings it."""
    have = value.type
    if have == BINARY:
        return f"decode({value.sql})"
    if have.is_decimal and have.scale == have.precision < _MOST_DIGITS:
        return cast_sql(cast_sql(value.sql, decimal(have.precision + 1, have.scale)), STRING)
    if have.is_decimal and have.scale == have.precision:
        return None
    if have.is_integral or have.is_decimal or have in (BOOLEAN, DATE) or have.name == "timestamp_ntz":
        return cast_sql(value.sql, STRING)
    if have.name == "timestamp":
        return f"CAST(CAST({value.sql} AS TIMESTAMP) AS VARCHAR)"
    return None


def _from_number(value: Typed, wanted: SparkType) -> str | None:
    have, sql = value.type, value.sql
    if have == BOOLEAN:
        return (
            cast_sql(sql if wanted.is_integral else cast_sql(sql, SparkType("int")), wanted)
            if wanted.is_number
            else None
        )
    if wanted == BOOLEAN:
        return f"(({sql}) <> 0)"
    if wanted.is_integral:
        return cast_sql(sql, wanted) if have.is_integral else f"CAST(trunc({sql}) AS {wanted.duckdb})"
    if wanted.is_decimal and have.is_fractional:
        return let([sql], lambda v: f"CASE WHEN isfinite({v[0]}) THEN {cast_sql(cast_sql(v[0], STRING), wanted)} END")
    if wanted.is_decimal or wanted.name == "double":
        return cast_sql(sql, wanted)
    if wanted.name == "timestamp" and have.is_integral:
        return f"to_timestamp({sql})"
    return None


def _from_time(value: Typed, wanted: SparkType) -> str | None:
    pair = (value.type.name, wanted.name)
    if pair in {
        ("date", "timestamp"),
        ("timestamp", "date"),
        ("timestamp_ntz", "timestamp"),
        ("timestamp_ntz", "date"),
    }:
        return cast_sql(value.sql, wanted)
    if pair == ("timestamp", "timestamp_ntz"):
        return cast_sql(value.sql, wanted)
    if pair == ("timestamp", "bigint"):
        return f"CAST(floor(epoch_us({value.sql}) / 1000000) AS BIGINT)"
    return None


def _from_string(sql: str, wanted: SparkType) -> str | None:
    trimmed = f"trim(%s, {_BLANKS})"
    if wanted.is_integral:
        return _checked(sql, _INTEGER, lambda s: cast_sql(trimmed % s, wanted), wanted)
    if wanted.is_decimal:
        return _checked(sql, _NUMBER, lambda s: cast_sql(trimmed % s, wanted), wanted)
    if wanted.name == "double":
        return let([sql], lambda v: _double(v[0]))
    if wanted == BOOLEAN:
        return let([sql], lambda v: _boolean(v[0]))
    if wanted == DATE:
        return let([sql], lambda v: _date(v[0]))
    if wanted.name == "timestamp":
        return _checked(sql, _TIMESTAMP, lambda s: cast_sql(trimmed % s, wanted), wanted)
    if wanted == BINARY:
        return f"encode({sql})"
    return None


def _checked(sql: str, pattern: str, convert: object, wanted: SparkType) -> str:
    assert callable(convert)
    return let(
        [sql],
        lambda v: (
            f"CASE WHEN regexp_matches({v[0]}, '{pattern}') THEN {convert(v[0])} "
            f"WHEN {v[0]} IS NOT NULL THEN {fail(f'text is not a {wanted}', wanted)} END"
        ),
    )


def _double(sql: str) -> str:
    bare = f"lower(trim({sql}, {_BLANKS}))"
    special = "('nan', 'infinity', '+infinity', '-infinity', 'inf', '+inf', '-inf')"
    return (
        f"CASE WHEN regexp_matches({sql}, '{_DOUBLE}') THEN CAST(rtrim({bare}, 'df') AS DOUBLE) "
        f"WHEN {bare} IN {special} THEN CAST(ltrim({bare}, '+') AS DOUBLE) "
        f"WHEN {sql} IS NOT NULL THEN {fail('text is not a double', SparkType('double'))} END"
    )


def _boolean(sql: str) -> str:
    bare = f"lower(trim({sql}, {_BLANKS}))"
    return (
        f"CASE WHEN {bare} IN {_TRUE} THEN TRUE WHEN {bare} IN {_FALSE} THEN FALSE "
        f"WHEN {sql} IS NOT NULL THEN {fail('text is not a boolean', BOOLEAN)} END"
    )


def _date(sql: str) -> str:
    part = f"TRY_CAST(regexp_extract({sql}, '{_DATE}', %d) AS BIGINT)"
    return (
        f"CASE WHEN regexp_matches({sql}, '{_DATE}') "
        f"THEN make_date({part % 1}, coalesce({part % 3}, 1), coalesce({part % 5}, 1)) "
        f"WHEN {sql} IS NOT NULL THEN {fail('text is not a date', DATE)} END"
    )


def divided(numerator: str, denominator: str, left: SparkType, right: SparkType, result: SparkType) -> str:
    """Exact division of two decimals, rounded half up to the scale of `result`. The denominator is not zero."""
    shift = result.scale - left.scale + right.scale
    top = _unscaled(numerator, left)
    bottom = _unscaled(denominator, right)
    top = f"{top} * {10**shift}::HUGEINT" if shift > 0 else top

    def rounded(v: object) -> str:
        assert isinstance(v, (list, tuple))
        n, d = v
        away = f"CASE WHEN abs({n} % {d}) >= abs({d}) - abs({n} % {d}) THEN CASE WHEN ({n} < 0) = ({d} < 0) THEN 1 ELSE -1 END ELSE 0 END"
        quotient = f"CAST({n} // {d} + {away} AS DECIMAL(38, 0))"
        if not result.scale:
            return cast_sql(quotient, result)
        unit = decimal(result.scale, result.scale)
        return cast_sql(f"{quotient} * CAST('0.{'1'.zfill(result.scale)}' AS {unit.duckdb})", result)

    return let([f"({top})", bottom], rounded)


def _unscaled(sql: str, kind: SparkType) -> str:
    if not kind.scale:
        return f"CAST({sql} AS HUGEINT)"
    if kind.precision + kind.scale < 38:
        whole = decimal(38, kind.scale)
        return f"CAST({cast_sql(sql, whole)} * {10**kind.scale} AS HUGEINT)"
    return f"CAST(replace(CAST({sql} AS VARCHAR), '.', '') AS HUGEINT)"
