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

Bytes = NDArray[np.uint8]
Places = NDArray[np.int32] | NDArray[np.int64]
Words = NDArray[np.uint64]
"""Eight bytes each, the first one lowest."""
Flags = NDArray[np.bool_]

PAD = 24
BLOCK_ROWS = 32_768
BLOCK_BYTES = 768 * 1024
"""What is worked out of a block fits a core's own cache, and is much against the calls that work it out."""


@dataclass(frozen=True, slots=True)
class Block:
    """Texts as bytes of UTF-8: where each starts in `content` and how many bytes it has."""

    content: Bytes
    starts: Places
    sizes: Places


def words(content: Bytes, at: Places) -> Words:
    """The eight bytes from each of these places."""
    sliding: Words = np.ndarray((content.size - 7,), "<u8", content, 0, (1,))
    return sliding[at]


def blocks(arrays: Sequence[pa.Array]) -> Iterator[tuple[slice, Block]]:
    """The texts of string or large_string arrays in pieces of all of them, mostly without a copy.

    Of nulls nothing is promised.
    """
    before = 0
    for texts in arrays:
        offsets, data = _memory(texts)
        size_bytes = int(offsets[-1] - offsets[0])
        rows = min(BLOCK_ROWS, 1 + BLOCK_BYTES * len(texts) // max(size_bytes, 1))
        for start in range(0, len(texts), rows):
            stop = min(start + rows, len(texts))
            ends = offsets[start : stop + 1]
            content = data[ends[0] : ends[-1] + PAD]
            lacking = ends[-1] - ends[0] + PAD - content.size
            if lacking:
                content = np.concatenate([content, np.zeros(lacking, np.uint8)])
            yield slice(before + start, before + stop), Block(content, ends[:-1] - ends[0], np.diff(ends))
        before += len(texts)


def _memory(texts: pa.Array) -> tuple[Places, Bytes]:
    """Where the texts end in the characters of all, which are the second."""
    width = np.dtype(np.int64 if pa.types.is_large_string(texts.type) else np.int32)
    _, places, characters = texts.buffers()
    data = np.frombuffer(characters, np.uint8) if characters else np.zeros(0, np.uint8)
    ends: Places = np.zeros(1, width)
    if len(texts):
        ends = np.frombuffer(places, width, len(texts) + 1, texts.offset * width.itemsize)
    return ends, data
