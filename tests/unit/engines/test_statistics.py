"""Delta's statistics: only bounds that surely bound."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afluente.engines.statistics import ColumnStatistics, delta_statistics, parse_bound

AWARE = pa.timestamp("us", tz="UTC")


def column(kind: pa.DataType, low: object, high: object, nulls: int | None = 0) -> ColumnStatistics:
    return ColumnStatistics("c", kind, nulls, low, high)  # type: ignore[arg-type]


def test_a_decimal_keeps_every_digit() -> None:
    value = Decimal("12345678901234567890123456789012345.678")
    text = delta_statistics(1, [column(pa.decimal128(38, 3), value, value)])
    assert '"maxValues":{"c":12345678901234567890123456789012345.678}' in text


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))
def test_milliseconds_are_rounded_outwards(moment: datetime) -> None:
    moment = moment.replace(tzinfo=UTC)
    stats = json.loads(delta_statistics(1, [column(AWARE, moment, moment)]))
    low, high = (datetime.fromisoformat(stats[which]["c"]) for which in ("minValues", "maxValues"))
    assert low <= moment <= high
    assert high - low in (timedelta(0), timedelta(milliseconds=1))


def test_the_last_instant_has_no_upper_bound() -> None:
    last = datetime.max.replace(tzinfo=UTC)
    assert json.loads(delta_statistics(1, [column(AWARE, last, last)]))["maxValues"] == {}


@pytest.mark.parametrize("bound", [float("inf"), float("-inf"), float("nan")])
def test_infinite_bounds_are_left_out(bound: float) -> None:
    assert json.loads(delta_statistics(1, [column(pa.float64(), bound, bound)]))["minValues"] == {}


def test_nested_columns_have_no_statistics_and_unknown_nulls_are_left_out() -> None:
    columns = [column(pa.list_(pa.string()), None, None), ColumnStatistics("d", pa.string(), None, "a", "b")]
    assert json.loads(delta_statistics(3, columns)) == {
        "numRecords": 3,
        "minValues": {"d": "a"},
        "maxValues": {"d": "b"},
        "nullCount": {},
    }


def test_a_wide_table_counts_all_nulls_but_bounds_the_first_columns_only() -> None:
    columns = [ColumnStatistics(f"c{n}", pa.int64(), 0, 1, 2) for n in range(150)]
    stats = json.loads(delta_statistics(1, columns))
    assert (len(stats["nullCount"]), len(stats["minValues"])) == (150, 100)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("-7", pa.int32(), -7),
        ("1.50", pa.decimal128(5, 2), Decimal("1.50")),
        ("1850-02-03", pa.date32(), date(1850, 2, 3)),
        ("2020-01-01 00:00:00.123456+00", AWARE, datetime(2020, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)),
        ("44-03-15 (BC)", pa.date32(), None),
        ("infinity", AWARE, None),
        ("1", pa.bool_(), None),
        ("6162", pa.binary(), None),
    ],
)
def test_bounds_are_parsed_by_type(text: str, kind: pa.DataType, value: object) -> None:
    assert parse_bound(text, kind) == value
