"""Arrow columns as text, exactly: the digits of decimals, ISO days, moments in UTC.

Invariant: the text of a value depends on the value alone, not on the machine, its language or its time zone.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

BATCH_ROWS = 65_536


def batches_of(table: pa.Table) -> Iterator[pa.RecordBatch]:
    """The rows in batches of one size, whatever pieces the table came in, so that files do not depend on them."""
    for start in range(0, table.num_rows, BATCH_ROWS):
        piece = table.slice(start, BATCH_ROWS).combine_chunks()
        yield from piece.to_batches()


def is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def plain_text(column: pa.Array) -> pa.Array:
    """A column of numbers, days, moments or booleans as text; null, and a number that is not finite, is null."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        if kind.tz is None:
            return pc.strftime(column.cast(pa.timestamp("us")), format="%Y-%m-%dT%H:%M:%S")
        return pc.strftime(column.cast(pa.timestamp("us", tz="UTC")), format="%Y-%m-%dT%H:%M:%SZ")
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_finite(column), column.cast(pa.string()), pa.scalar(None, pa.string()))
    if pa.types.is_decimal(kind):
        return pa.array([None if value is None else f"{value:f}" for value in column.to_pylist()], pa.string())
    return column.cast(pa.string())
