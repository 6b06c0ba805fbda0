"""A regular block read by Arrow's CSV reader, and an irregular one's records brought to the same shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

from afluente.sources.delimited.dialect import Dialect
from afluente.sources.delimited.records import Fault, Record

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BadLine:
    """A record that is no row. `number` counts from 0 in the block; `line` too, -1 when unknown."""

    number: int
    line: int
    text: str
    width: int = 0
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class BlockRows:
    """A block as columns of strings. `numbers` are the rows' places among the block's `total` records, from 0."""

    columns: list[pa.Array]
    numbers: Numbers
    bad: list[BadLine]
    total: int
    lines: int


class FastReader:
    """Reads blocks of one layout. Safe to use from several threads at once."""

    def __init__(self, names: Sequence[str], dialect: Dialect, *, null_text: str | None) -> None:
        self._names = list(names)
        self._dialect = dialect
        self._convert = csv.ConvertOptions(
            check_utf8=False,
            column_types={name: pa.string() for name in names},
            null_values=[] if null_text is None else [null_text],
            strings_can_be_null=null_text is not None,
            quoted_strings_can_be_null=False,
        )

    def read(self, data: bytes) -> BlockRows:
        if not data.strip(b"\r\n"):
            nothing = [pa.array([], pa.string()) for _ in self._names]
            return BlockRows(nothing, np.arange(0, dtype=np.int64), [], 0, data.count(b"\n"))
        bad: list[csv.InvalidRow] = []

        def keep(row: csv.InvalidRow) -> str:
            bad.append(row)
            return "skip"

        table = csv.read_csv(
            pa.BufferReader(data),
            read_options=csv.ReadOptions(use_threads=False, column_names=self._names, block_size=len(data) + 1),
            parse_options=csv.ParseOptions(
                delimiter=self._dialect.delimiter,
                quote_char=self._dialect.quote or False,
                newlines_in_values=bool(self._dialect.quote),
                invalid_row_handler=keep,
            ),
            convert_options=self._convert,
        )
        total = table.num_rows + len(bad)
        numbers = np.arange(total, dtype=np.int64)
        if bad:
            numbers = np.delete(numbers, [row.number - 1 for row in bad])
        columns = [column.combine_chunks() for column in table.columns]
        lines = data.count(b"\n")
        return BlockRows(columns, numbers, _locate(data, bad, total=total, lines=lines), total, lines)


def _locate(data: bytes, bad: list[csv.InvalidRow], *, total: int, lines: int) -> list[BadLine]:
    is_line_by_line = total == lines + (not data.endswith(b"\n"))
    found: list[BadLine] = []
    position, line = 0, 0
    for row in bad:
        if is_line_by_line:
            found.append(BadLine(row.number - 1, row.number - 1, row.text, row.actual_columns))
            continue
        text = row.text.encode()
        at = _find_line(data, text, position)
        if at >= 0:
            line += data.count(b"\n", position, at)
            position = at
        found.append(BadLine(row.number - 1, line if at >= 0 else -1, row.text, row.actual_columns))
        if at >= 0:
            line += text.count(b"\n")
            position = at + len(text)
    return found


def _find_line(data: bytes, text: bytes, start: int) -> int:
    at = data.find(text, start)
    while at >= 0:
        end = at + len(text)
        if (at == 0 or data[at - 1] in b"\r\n") and (end == len(data) or data[end] in b"\r\n"):
            return at
        at = data.find(text, at + 1)
    return -1


def columns_of_records(records: Sequence[Record], width: int, *, lines: int) -> BlockRows:
    """The same shape from records cut one by one."""
    rows: list[list[str | None]] = []
    numbers: list[int] = []
    bad: list[BadLine] = []
    for number, record in enumerate(records):
        cells = record.cells
        if cells is None:
            bad.append(BadLine(number, record.line, record.raw.decode(errors="replace"), 0, record.fault))
        elif len(cells) != width:
            bad.append(BadLine(number, record.line, record.raw.decode(), len(cells)))
        else:
            rows.append(cells)
            numbers.append(number)
    columns = [pa.array([row[index] for row in rows], pa.string()) for index in range(width)]
    return BlockRows(columns, np.array(numbers, dtype=np.int64), bad, len(records), lines)
