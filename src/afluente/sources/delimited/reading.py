"""From a stream of UTF-8 bytes to rows: the header, then block after block, two at a time.

Invariant: rows come in the order of the text; `_source_row` counts the records after the first header from 1, refused
records and repeated headers included, so that a row keeps its number whatever happens to its neighbours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from afluente.core.errors import SourceError
from afluente.sources.delimited.blocks import BLOCK_BYTES, BlockCutter, IrregularBlock
from afluente.sources.delimited.dialect import Dialect, Limits
from afluente.sources.delimited.fast import BadLine, BlockRows, FastReader, columns_of_records
from afluente.sources.delimited.footer import without_last_lines
from afluente.sources.delimited.layout import name_columns
from afluente.sources.delimited.records import RecordReader
from afluente.sources.delimited.sniff import sniff_delimiter
from afluente.sources.source import SOURCE_ROW, Batch, Reject

_HEAD_BYTES = 64 * 1024
_WORKERS = 2
_MAX_REJECT_CHARACTERS = 64 * 1024


@dataclass(frozen=True, slots=True)
class Format:
    """What is known of a delimited text beforehand. An empty delimiter is found by looking.

    `columns` name the columns; with `has_header` too they stand in the place of the text's own names. `null_text`
    is null where it stands without quotes; without it nothing is null.
    """

    delimiter: str = ""
    quote: str = '"'
    has_header: bool = True
    columns: tuple[str, ...] = ()
    skip_lines: int = 0
    skip_last_lines: int = 0
    null_text: str | None = None
    drops_repeated_headers: bool = True
    limits: Limits = field(default_factory=Limits)
    block_bytes: int = BLOCK_BYTES


class DelimitedText:
    """One text being read: the header at once, the rows when `batches` is iterated. `unit` names it in errors."""

    def __init__(self, pieces: Iterator[bytes], text_format: Format, *, unit: str) -> None:
        self._format = text_format
        self._unit = unit
        self._header: tuple[str, ...] | None = None
        self._line = 1
        self.next_row = 1
        head, self._pieces = self._skip_lines(pieces)
        self.is_empty = not head.strip()
        head = self._obey_separator_line(head)
        delimiter = self._delimiter or sniff_delimiter(head, text_format.quote)
        self._dialect = Dialect(delimiter, text_format.quote)
        self.names, self.warnings = self._read_header(head)

    def _skip_lines(self, pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
        head = b""
        left = self._format.skip_lines
        for piece in pieces:
            head += piece
            while left and b"\n" in head:
                head = head.partition(b"\n")[2]
                left -= 1
                self._line += 1
            if not left and len(head) >= _HEAD_BYTES:
                break
        return (b"" if left else head), pieces

    def _obey_separator_line(self, head: bytes) -> bytes:
        self._delimiter = self._format.delimiter
        first, newline, rest = head.partition(b"\n")
        line = first.strip()
        if newline and len(line) == len(b"sep=;") and line[:4].lower() == b"sep=":
            self._delimiter = self._delimiter or line[4:].decode()
            self._line += 1
            return rest
        return head

    def _read_header(self, head: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
        limits, given = self._format.limits, self._format.columns
        reader = RecordReader(self._dialect, max_record_bytes=limits.max_record_bytes)
        split = reader.split(head, at_end=False, limit=1)
        while not split.records:
            piece = next(self._pieces, None)
            if piece is None:
                split = reader.split(head, at_end=True, limit=1)
                break
            head += piece
            split = reader.split(head, at_end=False, limit=1)
        cells = split.records[0].cells if split.records else []
        if cells is None and given and not self._format.has_header:
            cells = []
        if cells is None:
            raise SourceError(
                "source.header_unreadable",
                f"{self._unit}: the first record is not readable as delimited text",
                hint="check delimiter, quote and skip_rows",
            )
        if self._format.has_header and split.records:
            self._header = tuple(cell or "" for cell in cells)
            self._line += head.count(b"\n", 0, split.consumed)
            head = head[split.consumed :]
            if given and len(given) != len(cells):
                raise SourceError(
                    "source.columns_differ",
                    f"{self._unit} has {len(cells)} columns, but the option 'columns' names {len(given)}",
                    hint="name every column in the order of the file",
                )
        self._pieces = chain((head,), self._pieces)
        if given:
            names = given
        elif self._format.has_header:
            names = tuple(cell or "" for cell in cells)
        else:
            names = tuple(f"column_{index}" for index in range(1, len(cells) + 1))
        return name_columns(names, unit=self._unit, max_columns=limits.max_columns)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([*(pa.field(name, pa.string()) for name in self.names), pa.field(SOURCE_ROW, pa.int64())])

    def batches(self) -> Iterator[Batch]:
        """The rows; the first record is number 1, afterwards `next_row` is the number that would follow."""
        self.next_row = 1
        line = self._line
        for rows in self._block_rows() if self.names else ():
            batch = self._batch(rows, row=self.next_row, line=line)
            self.next_row += rows.total
            line += rows.lines
            if batch.rows.num_rows or batch.rejects:
                yield batch

    def _block_rows(self) -> Iterator[BlockRows]:
        cutter = BlockCutter(
            self._dialect, self._format.limits, block_bytes=self._format.block_bytes, null_text=self._format.null_text
        )
        fast = FastReader(self.names, self._dialect, null_text=self._format.null_text)
        pieces = without_last_lines(self._pieces, self._format.skip_last_lines)
        waiting: deque[Future[BlockRows]] = deque()
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="delimited") as pool:
            for block in cutter.cut(pieces):
                if isinstance(block, IrregularBlock):
                    future = pool.submit(columns_of_records, block.records, len(self.names), lines=block.lines)
                else:
                    future = pool.submit(fast.read, block.data)
                waiting.append(future)
                if len(waiting) > _WORKERS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _batch(self, rows: BlockRows, *, row: int, line: int) -> Batch:
        columns, numbers = rows.columns, rows.numbers
        repeated = self._repeated_headers(columns)
        if repeated is not None:
            kept = pa.array(np.flatnonzero(~repeated))
            columns = [column.take(kept) for column in columns]
            numbers = numbers[~repeated]
        batch = pa.RecordBatch.from_arrays([*columns, pa.array(numbers + row)], schema=self.schema)
        return Batch(batch, tuple(self._reject(bad, row=row, line=line) for bad in rows.bad))

    def _repeated_headers(self, columns: list[pa.Array]) -> np.ndarray[tuple[int], np.dtype[np.bool_]] | None:
        if self._header is None or not self._format.drops_repeated_headers or not len(columns[0]):
            return None
        first = pc.equal(columns[0], self._header[0])
        if not pc.any(first).as_py():
            return None
        for column, cell in zip(columns[1:], self._header[1:], strict=True):
            first = pc.and_(first, pc.equal(column, cell))
        return first.to_numpy(zero_copy_only=False) if pc.any(first).as_py() else None

    def _reject(self, bad: BadLine, *, row: int, line: int) -> Reject:
        width = len(self.names)
        match bad.fault:
            case None:
                rule = "csv.column_count"
                pt, en = (
                    f"a linha tem {bad.width} colunas; são {width}",
                    f"the line has {bad.width} columns, not {width}",
                )
            case "quote_misplaced":
                rule, pt = "csv.quote", "há texto depois das aspas que fecham o campo"
                en = "text follows the quote that closes a cell"
            case "quote_open":
                rule, pt = "csv.quote_open", "as aspas abertas na linha nunca fecham"
                en = "a quote opened in the line is never closed"
            case "record_too_long":
                limit = self._format.limits.max_record_bytes
                rule, pt = "csv.record_too_long", f"o registro passa de {limit} bytes"
                en = f"the record is longer than {limit} bytes"
        place = 0 if bad.line < 0 else line + bad.line
        return Reject(row + bad.number, place, bad.text[:_MAX_REJECT_CHARACTERS], rule, pt, en)
