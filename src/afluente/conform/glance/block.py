"""Some thousand texts side by side in memory, as Arrow keeps them, read eight bytes at a time.

Invariant: `PAD` bytes that belong to no text follow the last one, so that a word may be read at any text's start or
inside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

PAD = 24
BLOCK_ROWS = 16_384
"""The temporaries of a block fit a core's own cache: twice as many rows take three times as long."""


@dataclass(frozen=True, slots=True)
class Block:
    """Texts as bytes of UTF-8: where each starts in `content` and how many bytes it has."""

    content: NDArray[np.uint8]
    starts: NDArray[np.int32] | NDArray[np.int64]
    sizes: NDArray[np.int32] | NDArray[np.int64]


def words(content: NDArray[np.uint8], at: NDArray[np.int32] | NDArray[np.int64]) -> NDArray[np.uint64]:
    """The eight bytes from each of these places, as numbers whose lowest byte is the first."""
    sliding: NDArray[np.uint64] = np.ndarray((content.size - 7,), "<u8", content, 0, (1,))
    return sliding[at]


def blocks(arrays: Sequence[pa.Array], *, rows: int = BLOCK_ROWS) -> Iterator[tuple[slice, Block]]:
    """The texts of string or large_string arrays in pieces of all of them, mostly without a copy.

    Of nulls nothing is promised.
    """
    before = 0
    for texts in arrays:
        offsets, data = _memory(texts)
        for start in range(0, len(texts), rows):
            stop = min(start + rows, len(texts))
            ends = offsets[start : stop + 1]
            content = data[ends[0] : ends[-1] + PAD]
            lacking = ends[-1] - ends[0] + PAD - content.size
            if lacking:
                content = np.concatenate([content, np.zeros(lacking, np.uint8)])
            yield slice(before + start, before + stop), Block(content, ends[:-1] - ends[0], np.diff(ends))
        before += len(texts)


def _memory(texts: pa.Array) -> tuple[NDArray[np.int32] | NDArray[np.int64], NDArray[np.uint8]]:
    """Where the texts end in the characters of all, which are the second."""
    width: type[np.int32 | np.int64] = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    _, places, characters = texts.buffers()
    data = np.frombuffer(characters, np.uint8) if characters else np.zeros(0, np.uint8)
    if not len(texts):
        return np.zeros(1, width), data
    return np.frombuffer(places, width, len(texts) + 1, texts.offset * np.dtype(width).itemsize), data
