"""Records cut one by one, exactly: the slow road, for blocks whose quotes are not all in their right place.

A cell is either quoted from its first byte to its last (quotes inside doubled), or verbatim up to the delimiter.
A line where a quoted cell goes on after its closing quote, or is never closed, is refused, and reading goes on
at the next line. Blank lines are no records.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from afluente.sources.delimited.dialect import Dialect

Fault = Literal["quote_misplaced", "quote_open", "record_too_long"]


@dataclass(frozen=True, slots=True)
class Record:
    """One record as cells and as it stands, or with `fault` a line that is none. `line` counts from 0 in the block."""

    cells: list[str | None] | None
    line: int
    raw: bytes
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """Records of a block's first `consumed` bytes."""

    records: list[Record]
    consumed: int


class RecordReader:
    """Cuts a block of UTF-8 bytes into records."""

    def __init__(self, dialect: Dialect, *, max_record_bytes: int, null_text: str | None = None) -> None:
        delimiter = re.escape(dialect.delimiter.encode())
        self._quote = dialect.quote.encode()
        self._max_record_bytes = max_record_bytes
        self._null = None if null_text is None else null_text.encode()
        self._plain = re.compile(rb"([^" + delimiter + rb"\r\n]*)(" + delimiter + rb"|\r\n|\r|\n|\Z)")
        self._delimiter = dialect.delimiter.encode()
        if self._quote:
            q = re.escape(self._quote)
            self._quoted = re.compile(q + rb"([^" + q + rb"]*+(?:" + q + q + rb"[^" + q + rb"]*+)*+)" + q)
            self._after = re.compile(delimiter + rb"|\r\n|\r|\n|\Z")
        self._line = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")

    def split(self, block: bytes, *, at_end: bool, limit: int | None = None) -> Split:
        """Every complete record; with `at_end` the last needs no line end. At most `limit` of them."""
        records: list[Record] = []
        position, line, size = 0, 0, len(block)
        while position < size and (limit is None or len(records) < limit):
            if block[position] in b"\r\n":
                if not at_end and position + 1 == size:
                    break
                position = self._next_line(block, position)
                line += 1
                continue
            end, cells, fault = self._record(block, position, at_end=at_end)
            is_too_long = (size if end < 0 else end) - position > self._max_record_bytes
            if end < 0 and not is_too_long:
                break
            if fault is not None or end < 0:
                end = self._next_line(block, position)
                if end == size and not at_end and not is_too_long and not block.endswith((b"\n", b"\r")):
                    break
            if is_too_long:
                fault = "record_too_long"
            if fault is not None:
                cells = None
            records.append(Record(cells, line, block[position:end].rstrip(b"\r\n"), fault))
            line += block.count(b"\n", position, end) or 1
            position = end
        return Split(records, position)

    def _next_line(self, block: bytes, position: int) -> int:
        found = self._line.match(block, position)
        return found.end() if found else len(block)

    def _record(self, block: bytes, start: int, *, at_end: bool) -> tuple[int, list[str | None] | None, Fault | None]:
        """Where the record ends, or -1 when the block does not hold it whole, and its cells."""
        cells: list[str | None] = []
        position, size = start, len(block)
        while True:
            if self._quote and block.startswith(self._quote, position):
                quoted = self._quoted.match(block, position)
                if quoted is None:
                    return (-1, cells, None) if not at_end else (size, cells, "quote_open")
                if quoted.end() == size and not at_end:
                    return -1, cells, None
                after = self._after.match(block, quoted.end())
                if after is None:
                    return quoted.end(), cells, "quote_misplaced"
                cell: bytes | None = quoted.group(1).replace(self._quote + self._quote, self._quote)
                separator, position = after.group(), after.end()
            else:
                plain = self._plain.match(block, position)
                if plain is None:
                    raise AssertionError("an unquoted cell always matches")
                cell = None if plain.group(1) == self._null else plain.group(1)
                separator, position = plain.group(2), plain.end()
            if position == size and not at_end and separator in (b"", b"\r"):
                return -1, cells, None
            cells.append(None if cell is None else cell.decode())
            if separator != self._delimiter:
                return position, cells, None
