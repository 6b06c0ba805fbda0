"""The rows every expression of the parity suite is evaluated over: nulls, empty, negative, overflow, month ends, accents."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa

TIMEZONE = "America/Sao_Paulo"
SCHEMA = pa.schema(
    [
        ("id", pa.int32()),
        ("i", pa.int32()),
        ("j", pa.int32()),
        ("n", pa.int32()),
        ("l", pa.int64()),
        ("x", pa.float64()),
        ("y", pa.float64()),
        ("d", pa.decimal128(12, 2)),
        ("e", pa.decimal128(10, 3)),
        ("s", pa.string()),
        ("t", pa.string()),
        ("p", pa.string()),
        ("dt", pa.date32()),
        ("dt2", pa.date32()),
        ("ts", pa.timestamp("us", tz="UTC")),
        ("ts2", pa.timestamp("us", tz="UTC")),
        ("b", pa.bool_()),
        ("c", pa.bool_()),
        ("a", pa.list_(pa.int32())),
        ("a2", pa.list_(pa.int32())),
        ("w", pa.list_(pa.string())),
        ("g", pa.string()),
    ]
)
SPARK_TYPES = {
    "id": "int",
    "i": "int",
    "j": "int",
    "n": "int",
    "l": "bigint",
    "x": "double",
    "y": "double",
    "d": "decimal(12,2)",
    "e": "decimal(10,3)",
    "s": "string",
    "t": "string",
    "p": "string",
    "dt": "date",
    "dt2": "date",
    "ts": "timestamp",
    "ts2": "timestamp",
    "b": "boolean",
    "c": "boolean",
    "a": "array<int>",
    "a2": "array<int>",
    "w": "array<string>",
    "g": "string",
}


def _at(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC) if text else None


def _day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def _money(text: str | None) -> Decimal | None:
    return Decimal(text) if text else None


_NAN, _INFINITY = float("nan"), float("inf")
_BIG, _LONG = 2**31 - 1, 2**63 - 1
# fmt: off
_ROWS = [
    (1, 7, 2, 3, 10, 1.5, 2.0, "10.25", "1.005", "abc", "b", "12", "2024-02-29", "2024-01-31", "2024-02-29T13:45:10.123456", "2024-01-31T02:59:59", True, True, [3, 1, 2], [2, 4], ["a", "b"], "u"),
    (2, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None),
    (3, 0, 0, 0, 0, 0.0, 0.0, "0.00", "0.000", "", "", "", "1970-01-01", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01T03:00:00", False, False, [], [], [], ""),
    (4, -7, 2, -2, -10, -2.5, 0.5, "-10.25", "-1.005", "Olá, Ação!", "ç", " -42 ", "2023-12-31", "2024-12-31", "2023-12-31T23:59:59.999999", "2024-01-01T00:00:00", True, False, [-1, None, -1], [None], ["é", None, ""], "u"),
    (5, _BIG, 1, 1, _LONG, 1e300, 1e-10, "9999999999.99", "9999999.999", "  spaced out  ", " ", "99999999999999999999", "9998-12-31", "0101-01-01", "2038-01-19T03:14:07", "2100-12-31T23:59:59", True, None, [_BIG, 0], [1, 1], ["x,y", "z"], "v"),
    (6, -_BIG - 1, -1, 10, -_LONG - 1, -1e300, -1.0, "-9999999999.99", "-9999999.999", "a.b|c\\d", ".", "12.70", "2000-02-29", "1999-02-28", "2000-02-29T12:00:00", "1999-02-28T12:00:00", False, True, [5, 5, None, 1], [5, None], ["b", "a", "b"], "v"),
    (7, 5, -3, 2, 5, _NAN, 1.0, "0.05", "0.500", "aaa bbb aaa", "aaa", "abc", "2024-03-31", "2024-02-29", "2024-03-31T15:30:00", "2024-02-29T15:30:00", None, True, [1], [1], [None], "u"),
    (8, -5, -3, 100, -5, _INFINITY, -2.0, "-0.05", "2.500", "x1y22z333", "22", "1e3", "2018-11-04", "2018-02-18", "2018-11-04T02:59:59", "2018-02-18T01:30:00", None, False, [2, 1], [3, 2, 1], ["B", "a"], "w"),
    (9, 1, 5, 5, 1, -_INFINITY, 3.0, "1.15", "0.125", "São Paulo\nSP", "\n", "+7", "2024-01-01", "2023-01-01", "2024-01-01T03:00:00.5", "2023-07-15T18:00:00", False, None, None, [1], None, "w"),
    (10, 100, 3, 4, 1_000_000_000_000, 0.1, 0.2, "2.25", "-0.125", "😀 émoji", "é", "2024-02-30", "2024-12-30", "2024-06-15", "2024-12-30T12:34:56", "2024-06-15T00:00:00", True, True, [None], None, ["1", "2"], "w"),
    (11, 21, 7, 6, -1, 2.675, 100.0, "123456.78", "1234.567", "maria da silva", "da", "2024-02-29", "1900-01-01", "2024-02-28", "1985-10-26T08:21:00", "1985-10-26T08:20:00", False, False, [10, 20, 30, 40], [20, 40, 50], ["maria", "da", "silva"], None),
    (12, 64, 10, 8, 2**40, 12.7, -12.7, "-2.25", "-2.500", "A1B2", "1", "true", "2024-07-31", "2024-04-30", "2024-07-31T23:00:00", "2024-04-30T23:00:00.000001", True, True, [0, -1, 0], [0], ["", ""], None),
    (13, None, 2, None, 3, None, 1.5, None, "1.500", "abcabc", None, None, "2024-05-31", None, "2024-05-31T12:00:00", None, None, True, [1, 2], None, ["q"], "x"),
    (14, 3, None, 2, None, 2.5, None, "3.33", None, None, "ab", "3.5", None, "2024-05-31", None, "2024-05-31T12:00:00", False, None, None, [7], None, "x"),
]  # noqa: E501
# fmt: on


def edge_table() -> pa.Table:
    """The rows as Arrow, in the order of `id`."""
    columns = list(zip(*_ROWS, strict=True))
    built: list[pa.Array] = []
    for field, values in zip(SCHEMA, columns, strict=True):
        if pa.types.is_decimal(field.type):
            values = tuple(_money(value) for value in values)
        elif pa.types.is_date(field.type):
            values = tuple(_day(value) for value in values)
        elif pa.types.is_timestamp(field.type):
            values = tuple(_at(value) for value in values)
        built.append(pa.array(values, type=field.type))
    return pa.Table.from_arrays(built, schema=SCHEMA)


ROW_COUNT = len(_ROWS)
