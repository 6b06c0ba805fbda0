"""Dates and times. Every date part is taken in the session's time zone, as Spark does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from afluente.models.casts import cast
from afluente.models.datetime_patterns import is_of_days, to_strftime, to_strptime
from afluente.models.functions.signature import Signature, scalar
from afluente.models.spark_types import BIGINT, DATE, INT, STRING, TIMESTAMP, SparkType, decimal, text
from afluente.models.typed import Typed, cast_sql, fail, let, tried

_TRUNC_DATE = {
    "year": "year",
    "yyyy": "year",
    "yy": "year",
    "quarter": "quarter",
    "month": "month",
    "mm": "month",
    "mon": "month",
    "week": "week",
}
_TRUNC_TIME = {**_TRUNC_DATE, "day": "day", "dd": "day", "hour": "hour", "minute": "minute", "second": "second"}
_MINUTE_MICROSECONDS = 60_000_000
_HOUR_MICROSECONDS = 60 * _MINUTE_MICROSECONDS
_DAYS = {"mo": 1, "tu": 2, "we": 3, "th": 4, "fr": 5, "sa": 6, "su": 7}
_DAY_WORDS = {"mo": ("mon", "monday"), "tu": ("tue", "tuesday"), "we": ("wed", "wednesday"), "th": ("thu", "thursday")}
_DAY_WORDS |= {"fr": ("fri", "friday"), "sa": ("sat", "saturday"), "su": ("sun", "sunday")}


def _local(sql: str) -> str:
    return f"CAST({sql} AS TIMESTAMP)"


def _trunc(arguments: Sequence[Typed]) -> str | None:
    unit = _TRUNC_DATE.get(str(arguments[1].constant).lower())
    return f"CAST(date_trunc('{unit}', {arguments[0].sql}) AS DATE)" if unit else None


def _date_trunc(arguments: Sequence[Typed]) -> str | None:
    unit = _TRUNC_TIME.get(str(arguments[0].constant).lower())
    if unit == "hour":
        return let(
            [arguments[1].sql], lambda v: f"make_timestamptz(epoch_us({v[0]}) - {_since(v[0], _HOUR_MICROSECONDS)})"
        )
    return f"date_trunc('{unit}', {arguments[1].sql})" if unit else None


def _since(sql: str, unit_microseconds: int) -> str:
    """Microseconds since the local clock began a unit: at the hour that comes twice, DuckDB takes the later one."""
    return f"((epoch_us({_local(sql)}) % {unit_microseconds} + {unit_microseconds}) % {unit_microseconds})"


def _seconds_of_minute(arguments: Sequence[Typed]) -> str:
    return f"CAST({_since(arguments[0].sql, _MINUTE_MICROSECONDS)} / 1000000.0 AS DECIMAL(8, 6))"


def _next_day(arguments: Sequence[Typed]) -> str | None:
    word = str(arguments[1].constant).strip().lower()
    number = next((n for short, n in _DAYS.items() if word == short or word in _DAY_WORDS[short]), None)
    if number is None:
        return None
    return let([arguments[0].sql], lambda v: f"({v[0]} + CAST((({number} - isodow({v[0]}) + 6) % 7) + 1 AS INTEGER))")


def _date_format(arguments: Sequence[Typed]) -> str | None:
    pattern = to_strftime(str(arguments[1].constant))
    return f"strftime({_local(arguments[0].sql)}, {text(pattern)})" if pattern else None


def _date_format_of_day(arguments: Sequence[Typed]) -> str | None:
    """Of a day, without the way through an instant, unless its hour is asked: midnight may not exist there."""
    day, written = arguments[0].sql, str(arguments[1].constant)
    pattern = to_strftime(written)
    moment = day if is_of_days(written) else _local(cast_sql(day, TIMESTAMP))
    return f"strftime({moment}, {text(pattern)})" if pattern else None


def _from_unixtime(arguments: Sequence[Typed]) -> str | None:
    pattern = to_strftime(str(arguments[1].constant) if len(arguments) > 1 else "yyyy-MM-dd HH:mm:ss")
    return f"strftime({_local(f'to_timestamp({arguments[0].sql})')}, {text(pattern)})" if pattern else None


def _parsed(wanted: SparkType, *, is_try: bool) -> Callable[[Sequence[Typed]], str | None]:
    def strict(arguments: Sequence[Typed]) -> str | None:
        if len(arguments) == 1:
            return cast(arguments[0], wanted)
        found = to_strptime(str(arguments[1].constant))
        if found is None:
            return None
        reading, shape = found
        bad = fail(f"text does not follow the pattern {arguments[1].constant}", wanted)
        return let(
            [arguments[0].sql],
            lambda v: (
                f"CASE WHEN regexp_matches({v[0]}, {text(shape)}) "
                f"THEN CAST(strptime({v[0]}, {text(reading)}) AS {wanted.duckdb}) WHEN {v[0]} IS NOT NULL THEN {bad} END"
            ),
        )

    return (lambda arguments: tried(arguments, strict)) if is_try else strict


def _unix_from_text(arguments: Sequence[Typed]) -> str | None:
    parsed = _parsed(TIMESTAMP, is_try=False)(arguments)
    return f"(epoch_us({parsed}) // 1000000)" if parsed else None


def _months_between(arguments: Sequence[Typed]) -> str:
    def body(v: Sequence[str]) -> str:
        days = [f"CAST({value} AS DATE)" for value in v]
        later, sooner = days
        months = f"((year({later}) * 12 + month({later})) - (year({sooner}) * 12 + month({sooner})))"
        both_last = f"(last_day({later}) = {later} AND last_day({sooner}) = {sooner})"
        clocks = [
            f"floor((epoch_us({value}) - epoch_us(CAST({day} AS TIMESTAMP WITH TIME ZONE))) / 1000000)"
            for value, day in zip(v, days, strict=True)
        ]
        seconds = f"((day({later}) - day({sooner})) * 86400 + {clocks[0]} - {clocks[1]})"
        return (
            f"CASE WHEN day({later}) = day({sooner}) OR {both_last} THEN CAST({months} AS DOUBLE) "
            f"ELSE round({months} + {seconds} / 2678400.0::DOUBLE, 8) END"
        )

    return let([arguments[0].sql, arguments[1].sql], body)


def _part(name: str, sql: str, *parameters: str) -> list[Signature]:
    return [scalar(name, parameter, INT, f"CAST({sql} AS INTEGER)") for parameter in parameters or ("day",)]


def _zone(arguments: Sequence[Typed], *, from_utc: bool) -> str:
    zone, moment = arguments[1].sql, arguments[0].sql
    return (
        f"timezone('UTC', timezone({zone}, {moment}))" if from_utc else f"timezone({zone}, timezone('UTC', {moment}))"
    )


SIGNATURES: tuple[Signature, ...] = (
    *_part("year", "year({0})"),
    *_part("quarter", "quarter({0})"),
    *_part("month", "month({0})"),
    *_part("day", "day({0})"),
    *_part("dayofmonth", "day({0})"),
    *_part("dayofyear", "dayofyear({0})"),
    *_part("weekofyear", "week({0})"),
    *_part("dayofweek", "dayofweek({0}) + 1"),
    *_part("weekday", "isodow({0}) - 1"),
    *_part("hour", "hour({0})", "timestamp"),
    *_part("minute", "minute({0})", "timestamp"),
    *_part("second", "second({0})", "timestamp"),
    scalar("extract second", "timestamp", decimal(8, 6), _seconds_of_minute),
    scalar("monthname", "day", STRING, "strftime({0}, '%b')"),
    scalar("dayname", "day", STRING, "strftime({0}, '%a')"),
    *(scalar(name, "day, int", DATE, "({0} + {1})") for name in ("date_add", "dateadd")),
    scalar("date_sub", "day, int", DATE, "({0} - {1})"),
    *(scalar(name, "day, day", INT, "CAST({0} - {1} AS INTEGER)") for name in ("datediff", "date_diff")),
    scalar("add_months", "day, int", DATE, "CAST({0} + to_months({1}) AS DATE)"),
    scalar("months_between", "timestamp, timestamp", SparkType("double"), _months_between),
    scalar("last_day", "day", DATE, "last_day({0})"),
    scalar("next_day", "day, constant string", DATE, _next_day),
    scalar("trunc", "day, constant string", DATE, _trunc),
    scalar("date_trunc", "constant string, timestamp", TIMESTAMP, _date_trunc),
    scalar("date_format", "date, constant string", STRING, _date_format_of_day),
    scalar("date_format", "timestamp, constant string", STRING, _date_format),
    scalar("to_date", "day", DATE, "{0}"),
    scalar("to_date", "string", DATE, _parsed(DATE, is_try=False)),
    scalar("to_date", "string, constant string", DATE, _parsed(DATE, is_try=False)),
    scalar("try_to_date", "string", DATE, _parsed(DATE, is_try=True)),
    scalar("try_to_date", "string, constant string", DATE, _parsed(DATE, is_try=True)),
    scalar("to_timestamp", "string", TIMESTAMP, _parsed(TIMESTAMP, is_try=False)),
    scalar("to_timestamp", "string, constant string", TIMESTAMP, _parsed(TIMESTAMP, is_try=False)),
    scalar("try_to_timestamp", "string", TIMESTAMP, _parsed(TIMESTAMP, is_try=True)),
    scalar("try_to_timestamp", "string, constant string", TIMESTAMP, _parsed(TIMESTAMP, is_try=True)),
    scalar("make_date", "int, int, int", DATE, "make_date({0}, {1}, {2})"),
    scalar(
        "make_timestamp",
        "int, int, int, int, int, int",
        TIMESTAMP,
        "CAST(make_timestamp({0}, {1}, {2}, {3}, {4}, CAST({5} AS DOUBLE)) AS TIMESTAMP WITH TIME ZONE)",
    ),
    *(
        scalar(name, "timestamp", BIGINT, "(epoch_us({0}) // 1000000)")
        for name in ("unix_timestamp", "to_unix_timestamp")
    ),
    scalar("unix_seconds", "timestamp", BIGINT, "CAST(floor(epoch_us({0}) / 1000000) AS BIGINT)"),
    *(
        scalar(name, "string, constant string", BIGINT, _unix_from_text)
        for name in ("unix_timestamp", "to_unix_timestamp")
    ),
    scalar("unix_millis", "timestamp", BIGINT, "CAST(floor(epoch_us({0}) / 1000) AS BIGINT)"),
    scalar("unix_micros", "timestamp", BIGINT, "epoch_us({0})"),
    scalar("unix_date", "date", INT, "CAST({0} - DATE '1970-01-01' AS INTEGER)"),
    scalar("date_from_unix_date", "int", DATE, "(DATE '1970-01-01' + {0})"),
    scalar("from_unixtime", "bigint", STRING, _from_unixtime),
    scalar("from_unixtime", "bigint, constant string", STRING, _from_unixtime),
    scalar("timestamp_seconds", "integral", TIMESTAMP, "to_timestamp({0})"),
    scalar("timestamp_millis", "integral", TIMESTAMP, "make_timestamptz(CAST({0} AS BIGINT) * 1000)"),
    scalar("timestamp_micros", "integral", TIMESTAMP, "make_timestamptz(CAST({0} AS BIGINT))"),
    scalar("from_utc_timestamp", "timestamp, constant string", TIMESTAMP, lambda a: _zone(a, from_utc=True)),
    scalar("to_utc_timestamp", "timestamp, constant string", TIMESTAMP, lambda a: _zone(a, from_utc=False)),
)
