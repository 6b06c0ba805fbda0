"""A stream of UTF-8 bytes cut into blocks that end where a record ends.

Finding that place needs only the positions of quotes: if every opening quote follows a delimiter or a line end and
every closing quote is followed by one, a line end with an even number of quotes before it ends a record. Such a block is
`regular`, and any CSV reader agrees on it. The others are cut record by record.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from afluente.sources.delimited.dialect import Dialect, Limits
from afluente.sources.delimited.records import Record, RecordReader

BLOCK_BYTES = 4 * 1024 * 1024
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
        self._neighbours = np.zeros(256, dtype=np.bool_)
        for byte in (dialect.delimiter + dialect.quote + "\r\n").encode():
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
            if is_regular and end:
                if end <= self._max_record_bytes:
                    yield RegularBlock(data[:end])
                    data = data[end:]
                    continue
                is_regular = False
            if is_regular and len(data) <= self._max_record_bytes and not at_end:
                return data
            split = self._reader.split(data, at_end=at_end)
            if split.records:
                yield IrregularBlock(split.records, data.count(b"\n", 0, split.consumed))
            if not split.consumed or at_end:
                return data[split.consumed :]
            data = data[split.consumed :]
        return data

    def _regular_end(self, data: bytes, *, at_end: bool) -> tuple[int, bool]:
        """How many bytes of `data` are whole records, and whether their quotes stand where they should."""
        newline = b"\n" if b"\n" in data or not (at_end or data.find(b"\r", 0, -1) >= 0) else b"\r"
        searched = len(data) if at_end or newline == b"\n" else len(data) - 1
        if not self._quote or self._quote not in data:
            return (len(data) if at_end else data.rfind(newline, 0, searched) + 1), True
        view = np.frombuffer(data, dtype=np.uint8)
        quotes = np.flatnonzero(view == self._quote[0])
        if at_end:
            end, before = len(data), len(quotes)
            if before % 2:
                return 0, False
        else:
            end = data.rfind(newline, 0, searched) + 1
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
