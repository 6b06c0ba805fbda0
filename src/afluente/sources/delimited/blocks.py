"""A stream of UTF-8 bytes cut into blocks that end where a record ends.

Finding that place needs only the positions of quotes: if every opening quote follows a delimiter or a line end and
every closing quote is followed by one, a line end with an even number of quotes before it ends a record. Where no quote
opens a cell, every line end does. Such a block is `regular`, and any CSV reader agrees on it. The others are cut record
by record.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from afluente.sources.delimited.dialect import Dialect, Limits
from afluente.sources.delimited.records import Record, RecordReader

BLOCK_BYTES = 4 * 1024 * 1024
FINE_BYTES = 128 * 1024
_MOST_STEPS_BACK = 64


@dataclass(frozen=True, slots=True)
class RegularBlock:
    """Whole records, for the fast reader. Never blank."""

    data: bytes


@dataclass(frozen=True, slots=True)
class IrregularBlock:
    """Records already cut."""

    records: list[Record]
    lines: int


Block = RegularBlock | IrregularBlock


class BlockCutter:
    """Cuts a stream into blocks. `block_bytes` is aimed at; a longer record makes a longer block."""

    def __init__(
        self, dialect: Dialect, limits: Limits, *, block_bytes: int = BLOCK_BYTES, null_text: str | None = None
    ) -> None:
        self._quote = dialect.quote.encode()
        self._reader = RecordReader(dialect, max_record_bytes=limits.max_record_bytes, null_text=null_text)
        self._max_record_bytes = limits.max_record_bytes
        self._block_bytes = block_bytes
        self._edges = np.zeros(256, dtype=np.bool_)
        for byte in (dialect.delimiter + "\r\n").encode():
            self._edges[byte] = True
        self._neighbours = self._edges.copy()
        for byte in dialect.quote.encode():
            self._neighbours[byte] = True

    def cut(self, pieces: Iterator[bytes]) -> Iterator[Block]:
        gathered: list[bytes] = []
        size = 0
        wanted = self._block_bytes
        for piece in pieces:
            gathered.append(piece)
            size += len(piece)
            if size < wanted:
                continue
            rest = yield from self._cut_some(b"".join(gathered), at_end=False)
            gathered, size = [rest], len(rest)
            wanted = max(self._block_bytes, 2 * size)
        yield from self._cut_some(b"".join(gathered), at_end=True)

    def _cut_some(self, data: bytes, *, at_end: bool) -> Generator[Block, None, bytes]:
        """The blocks of `data`; returns what is left for later."""
        while data:
            end, is_regular = self._regular_end(data, at_end=at_end)
            if is_regular and 0 < end <= self._max_record_bytes:
                yield RegularBlock(data[:end])
                data = data[end:]
            elif is_regular and not at_end and len(data) <= self._max_record_bytes:
                return data
            else:
                start = yield from self._cut_finely(data, at_end=at_end)
                return data[start:]
        return data

    def _cut_finely(self, data: bytes, *, at_end: bool) -> Generator[Block, None, int]:
        """In small windows, so that a misplaced quote makes only its neighbourhood slow; returns where it stopped."""
        start = 0
        while start < len(data):
            window = data[start : start + FINE_BYTES]
            is_last = at_end and start + FINE_BYTES >= len(data)
            end, is_regular = self._regular_end(window, at_end=is_last)
            if is_regular and 0 < end <= self._max_record_bytes:
                yield RegularBlock(window[:end])
                start += end
                continue
            split = self._reader.split(window, at_end=is_last)
            if not split.consumed and len(window) < len(data) - start:
                split = self._reader.split(data[start:], at_end=at_end, limit=1)
            if split.records:
                yield IrregularBlock(split.records, data.count(b"\n", start, start + split.consumed))
            if not split.consumed:
                break
            start += split.consumed
        return start

    def _regular_end(self, data: bytes, *, at_end: bool) -> tuple[int, bool]:
        """How many bytes of `data` are whole records, and whether their quotes stand where they should."""
        newline = b"\n" if b"\n" in data or not (at_end or data.find(b"\r", 0, -1) >= 0) else b"\r"
        searched = len(data) if at_end or newline == b"\n" else len(data) - 1
        last = len(data) if at_end else data.rfind(newline, 0, searched) + 1
        if not self._quote or self._quote not in data:
            return last, True
        view = np.frombuffer(data, dtype=np.uint8)
        quotes = np.flatnonzero(view == self._quote[0])
        if quotes[0] and not self._edges[view[quotes - 1]].any():
            return last, True
        if at_end:
            end, before = len(data), len(quotes)
            if before % 2:
                return 0, False
        else:
            end = last
            before = int(np.searchsorted(quotes, end))
            for _ in range(_MOST_STEPS_BACK):
                if not end or before % 2 == 0:
                    break
                end = data.rfind(newline, 0, int(quotes[before - 1])) + 1
                before = int(np.searchsorted(quotes, end))
            else:
                return 0, False
        return end, self._quotes_are_regular(view, quotes[: before if end else len(quotes)], end or len(data))

    def _quotes_are_regular(self, view: npt.NDArray[np.uint8], quotes: npt.NDArray[np.intp], end: int) -> bool:
        opening, closing = quotes[0::2], quotes[1::2]
        if len(opening) and opening[0] == 0:
            opening = opening[1:]
        if len(closing) and closing[-1] + 1 >= end:
            closing = closing[:-1]
        return bool(self._neighbours[view[opening - 1]].all() and self._neighbours[view[closing + 1]].all())
