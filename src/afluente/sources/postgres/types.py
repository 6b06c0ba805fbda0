"""PostgreSQL's types as Arrow's, and the texts of COPY as values of them.

Invariant: a value is never changed to fit. A type without an exact counterpart stays text; a value without one
(infinity, a year beyond 9999) becomes a reject.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

_MAX_DECIMAL_DIGITS = 38
_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")
_EXACT = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}


@dataclass(frozen=True, slots=True)
class PostgresColumn:
    """A column as the server describes it; `type` as `format_type` writes it, such as numeric(10,2)."""

    name: str
    type: str

    @property
    def arrow(self) -> pa.DataType:
        kind = self.type
        if kind in _EXACT:
            return _EXACT[kind]
        if kind.startswith("timestamp"):
            return pa.timestamp("us", tz="UTC" if kind.endswith("with time zone") else None)
        numeric = _NUMERIC.fullmatch(kind)
        if numeric and int(numeric[2]) <= int(numeric[1]) <= _MAX_DECIMAL_DIGITS:
            return pa.decimal128(int(numeric[1]), int(numeric[2]))
        return pa.string()


def values_of(texts: pa.Array, kind: pa.DataType) -> tuple[pa.Array, list[int]]:
    """The values, null where the text is none of this type, and the places of those."""
    try:
        return _cast(texts, kind), []
    except pa.ArrowInvalid:
        pass
    bad: list[int] = []
    values: list[object] = []
    for index, text in enumerate(texts):
        try:
            values.append(_cast(pa.array([text.as_py()], pa.string()), kind)[0].as_py())
        except (pa.ArrowInvalid, OverflowError, ValueError):
            values.append(None)
            bad.append(index)
    return pa.array(values, kind), bad


def _cast(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        return texts
    if pa.types.is_boolean(kind):
        return pc.equal(texts, "t")
    return pc.cast(texts, kind)
