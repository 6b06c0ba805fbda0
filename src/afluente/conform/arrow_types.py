"""The Arrow schema of what a compiled contract writes."""

from __future__ import annotations

import pyarrow as pa

from afluente.conform.compile import Compiled
from afluente.conform.dialect import Kind

_TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def arrow_type(kind: Kind | tuple[int, int]) -> pa.DataType:
    return pa.decimal128(*kind) if isinstance(kind, tuple) else _TYPES[kind]


def arrow_schema(compiled: Compiled) -> pa.Schema:
    """One field a column of the contract, in its order, all of them nullable."""
    return pa.schema([pa.field(name, arrow_type(kind)) for name, kind in compiled.columns])
