"""Delta's statistics of a data file as JSON text, from what a Parquet writer measured.

Invariant: a bound is written only when it surely bounds every value of the column (exact, finite, without NaN);
timestamps have milliseconds, rounded outwards. Null counts are written for every plain column.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa

from afluente.engines.partitions import is_text

Bound = str | int | float | Decimal | date | datetime
_BOUNDED_COLUMNS = 100


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """What is known of one column of one file. None is unknown."""

    name: str
    type: pa.DataType
    nulls: int | None
    low: Bound | None = None
    high: Bound | None = None


def delta_statistics(rows: int, columns: Iterable[ColumnStatistics]) -> str:
    """numRecords, minValues, maxValues and nullCount; bounds for the first hundred columns only."""
    lows: list[str] = []
    highs: list[str] = []
    nulls: list[str] = []
    for position, column in enumerate(columns):
        if pa.types.is_nested(column.type):
            continue
        name = json.dumps(column.name, ensure_ascii=False)
        if column.nulls is not None:
            nulls.append(f"{name}:{column.nulls}")
        if position >= _BOUNDED_COLUMNS:
            continue
        low = _literal(column.low, column.type, is_high=False)
        high = _literal(column.high, column.type, is_high=True)
        if low is not None:
            lows.append(f"{name}:{low}")
        if high is not None:
            highs.append(f"{name}:{high}")
    bounds = f'"minValues":{{{",".join(lows)}}},"maxValues":{{{",".join(highs)}}}'
    return f'{{"numRecords":{rows},{bounds},"nullCount":{{{",".join(nulls)}}}}}'


def parse_bound(text: str, kind: pa.DataType) -> Bound | None:
    """A bound written as text by DuckDB, typed; None when the type has no bounds or the text is no such value."""
    try:
        if is_text(kind):
            return text
        if pa.types.is_integer(kind):
            return int(text)
        if pa.types.is_decimal(kind):
            return Decimal(text)
        if pa.types.is_floating(kind):
            return float(text)
        if pa.types.is_date(kind):
            return date.fromisoformat(text)
        if pa.types.is_timestamp(kind):
            return datetime.fromisoformat(text)
    except (ValueError, ArithmeticError):
        return None
    return None


def _literal(bound: Bound | None, kind: pa.DataType, *, is_high: bool) -> str | None:
    if bound is None or isinstance(bound, bool):
        return None
    match bound:
        case str():
            return json.dumps(bound, ensure_ascii=False) if is_text(kind) else None
        case Decimal():
            return format(bound, "f") if bound.is_finite() else None
        case int():
            return str(bound) if pa.types.is_integer(kind) else None
        case float():
            return json.dumps(bound) if math.isfinite(bound) else None
        case datetime():
            return _timestamp(bound, is_aware=kind.tz is not None, is_high=is_high)
        case _:
            return json.dumps(bound.isoformat())


def _timestamp(moment: datetime, *, is_aware: bool, is_high: bool) -> str | None:
    instant = moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    extra = instant.microsecond % 1000
    try:
        instant -= timedelta(microseconds=extra)
        if is_high and extra:
            instant += timedelta(milliseconds=1)
    except OverflowError:
        return None
    text = instant.replace(tzinfo=None).isoformat(timespec="milliseconds")
    return json.dumps(text + "Z" if is_aware else text)
