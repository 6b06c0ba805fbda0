"""A column made coarser, step by step, until nothing is told of it.

Invariant: level 0 is what the product asks for, each level is a function of the one before it, and the last is null
for every row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.project.product import Generalise

_TRUNCATED = {"day": ("%Y-%m-%d", "%Y-%m", "%Y"), "month": ("%Y-%m", "%Y"), "year": ("%Y",)}


def levels(values: pa.ChunkedArray, way: Generalise | None, *, timezone: str) -> list[pa.ChunkedArray]:
    """Every level of a column, from the finest that may leave. Without a way there: as it is, then nothing.

    A time is of the day it is in `timezone`.
    """
    import pyarrow as pa

    if way is None:
        made = [values]
    elif way.keep:
        made = _kept(values, way.keep)
    elif way.truncate:
        made = _truncated(values, way.truncate, timezone)
    else:
        made = [_stepped(values, way.step)]
    nothing = pa.chunked_array([pa.nulls(len(values), made[0].type)])
    return [*made, nothing]


def _kept(values: pa.ChunkedArray, keep: int) -> list[pa.ChunkedArray]:
    """The first characters, one less each time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.cast(values, pa.string())
    return [pc.utf8_slice_codeunits(texts, 0, length) for length in range(keep, 0, -1)]


def _truncated(values: pa.ChunkedArray, way: str, timezone: str) -> list[pa.ChunkedArray]:
    """A day, a month and a year as text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_timestamp(values.type) and values.type.tz is not None:
        values = pc.local_timestamp(values.cast(pa.timestamp(values.type.unit, tz=timezone)))
    return [pc.strftime(values, format=pattern) for pattern in _TRUNCATED[way]]


def _stepped(values: pa.ChunkedArray, step: float) -> pa.ChunkedArray:
    """The multiple of the step at or below each number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_integer(values.type) and step == int(step):
        numbers = pc.cast(values, pa.int64())
        whole = pa.scalar(int(step), pa.int64())
        down = pc.divide(numbers, whole)
        is_under = pc.and_(pc.less(numbers, 0), pc.not_equal(pc.multiply(down, whole), numbers))
        return pc.multiply(pc.subtract(down, pc.cast(is_under, pa.int64())), whole)
    wide = pa.scalar(step, pa.float64())
    return pc.multiply(pc.floor(pc.divide(pc.cast(values, pa.float64()), wide)), wide)
