"""Text columns out of byte matrices: a row is a line of bytes and a mask says which of them are kept.

Invariant: everything is vectorised and takes its chance from the generator it is given, so that equal seeds give
equal columns.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Longs = npt.NDArray[np.int64]

ZERO = ord("0")


def text(matrix: Bytes, keep: Mask) -> pa.Array:
    """The kept bytes of each row as one string."""
    ends = np.zeros(len(matrix) + 1, dtype=np.int32)
    np.cumsum(keep.sum(axis=1), out=ends[1:])
    flat = np.ascontiguousarray(matrix[keep])
    return pa.Array.from_buffers(pa.string(), len(matrix), [None, pa.py_buffer(ends), pa.py_buffer(flat)])


def fill(rows: int, template: str) -> tuple[Bytes, Mask]:
    """`rows` copies of an ASCII template, everything kept."""
    line = np.frombuffer(template.encode("ascii"), dtype=np.uint8)
    return np.tile(line, (rows, 1)), np.ones((rows, len(line)), dtype=np.bool_)


def digits(values: Longs, width: int) -> Bytes:
    """Decimal digits of each value as ASCII, zero-filled to `width`."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (values[:, None] // powers % 10 + ZERO).astype(np.uint8)


def from_words(words: list[str], chosen: Longs) -> pa.Array:
    return pa.array(words, pa.string()).take(pa.array(chosen))


def glue(*parts: pa.Array | str) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")


def spoil(
    rng: np.random.Generator,
    column: pa.Array,
    *,
    bad_share: float,
    bad_values: list[str],
) -> pa.Array:
    """Replace a share of the values by bad ones drawn from a list."""
    hit = rng.random(len(column)) < bad_share
    bad = from_words(bad_values, rng.integers(0, len(bad_values), len(column)))
    return pc.if_else(pa.array(hit), bad, column)


def with_nulls(
    rng: np.random.Generator,
    column: pa.Array,
    *,
    share: float,
    never: Mask | None = None,
) -> pa.Array:
    """Replace a share of the values by null, except where `never` holds."""
    hit = rng.random(len(column)) < share
    if never is not None:
        hit &= ~never
    return pc.if_else(pa.array(hit), pa.scalar(None, column.type), column)
