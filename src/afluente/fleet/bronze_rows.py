r"""The lines of a list as rows of its bronze table: the fields unescaped, and where they come from.

    site, op, row_key, row_hash, _kind, <the list's columns, text>, _source, _source_row, _ingested_at, _run_id, _started_at

`op` is I or D, `_kind` full or delta, `_source` the transmission, `_source_row` its line from 1, `_started_at` the
hub's time when it began, which orders a site's transmissions. A whole list without lines is one row with
`_source_row` 0 and no `op`, so that what it took away can be told.

Invariant: a value is exactly what the agent wrote; `\N` alone is null.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from afluente.fleet.refusal import FleetError
from afluente.fleet.transmission import Transmission
from afluente.project.fleet_catalogue import BEFORE
from afluente.runs.steps.whole_list_marker import marker_rows
from afluente_agent.list_format import EXTRA_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_BYTES = 4 << 20
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"\\": "\\", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def bronze_schema(columns: Iterable[str]) -> pa.Schema:
    """The schema of a list's bronze table."""
    import pyarrow as pa

    moment = pa.timestamp("us", tz="UTC")
    return pa.schema(
        [
            *((name, pa.string()) for name in (*BEFORE, *columns)),
            ("_source", pa.string()),
            ("_source_row", pa.int64()),
            ("_ingested_at", moment),
            ("_run_id", pa.string()),
            ("_started_at", moment),
        ]
    )


class ListRows:
    """The rows of one transmission, with the columns of `schema`; those the list lacks are null."""

    def __init__(self, transmission: Transmission, schema: pa.Schema, *, kept_at: datetime) -> None:
        self._transmission = transmission
        self._schema = schema
        self._names = (*EXTRA_COLUMNS, *transmission.columns)
        self._constants: dict[str, object] = {
            "site": transmission.site,
            "_kind": transmission.kind,
            "_source": transmission.id,
            "_ingested_at": kept_at,
            "_run_id": "",
            "_started_at": transmission.started_at,
        }

    def of(self, blocks: Iterable[bytes]) -> Iterator[pa.RecordBatch]:
        """Blocks of whole, checked lines as batches of about BATCH_BYTES of text each. Raises FleetError."""
        row, size = 1, 0
        gathered: list[bytes] = []
        for block in blocks:
            gathered.append(block)
            size += len(block)
            if size >= BATCH_BYTES:
                batch = self._batch(b"".join(gathered), row)
                yield batch
                row += batch.num_rows
                gathered, size = [], 0
        if size:
            yield self._batch(b"".join(gathered), row)
        elif row == 1 and self._transmission.kind == "full":
            yield self._marker()

    def _batch(self, lines: bytes, first_row: int) -> pa.RecordBatch:
        import pyarrow as pa

        read = read_lines(lines, self._names)
        arrays = []
        for column in self._schema:
            if column.name in self._names:
                arrays.append(read.column(column.name).combine_chunks())
            elif column.name == "_source_row":
                arrays.append(pa.array(range(first_row, first_row + read.num_rows), column.type))
            else:
                value = pa.scalar(self._constants.get(column.name), column.type)
                arrays.append(pa.repeat(value, read.num_rows))
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _marker(self) -> pa.RecordBatch:
        import pyarrow as pa

        [marker] = marker_rows(pa.Table.from_pylist([self._constants]), self._schema).to_batches()
        return marker


def read_lines(lines: bytes, names: Iterable[str]) -> pa.Table:
    """Checked lines as columns of text, unescaped. Raises FleetError where they are not UTF-8."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    names = list(names)
    try:
        read = csv.read_csv(
            pa.BufferReader(lines),
            read_options=csv.ReadOptions(column_names=names, use_threads=False, block_size=len(lines) + 1),
            parse_options=csv.ParseOptions(
                delimiter="\t", quote_char=False, double_quote=False, escape_char=False, ignore_empty_lines=False
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), null_values=["\\N"], strings_can_be_null=True
            ),
        )
    except pa.ArrowInvalid:
        raise FleetError("loading.rows", "a line of the list is not UTF-8") from None
    for position, name in enumerate(names):
        column = read.column(position)
        if pc.any(pc.match_substring(column, "\\")).as_py():
            texts = [None if text is None else unescaped(text) for text in column.to_pylist()]
            read = read.set_column(position, name, pa.array(texts, pa.string()))
    return read


def unescaped(text: str) -> str:
    """A field as it was before COPY wrote it."""
    return _ESCAPED.sub(lambda found: _ESCAPES[found[1]], text) if "\\" in text else text
