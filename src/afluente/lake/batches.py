"""Writing record batches as Parquet files of a table.

Invariant: memory is bounded by the batches that are buffered (OPEN_BYTES over all partitions), and a file name is
never used twice, so an attempt that died leaves nothing that a later one could take for its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from afluente.core.errors import LakeError
from afluente.core.ids import new_id
from afluente.core.tables import DataFile
from afluente.lake.failure import translated
from afluente.lake.partition import folder_of, text_of, value_of
from afluente.lake.schema import check_partitioning, conformed, file_schema, same_type
from afluente.lake.stats import statistics
from afluente.lake.store import Store

GROUP_ROWS = 122_880
GROUP_BYTES = 64 << 20
FILE_ROWS = 1_000_000
FILE_BYTES = 128 << 20
OPEN_BYTES = 256 << 20
OPEN_FILES = 64


@dataclass(slots=True)
class _Sink:
    """One partition's open file and its buffered batches."""

    values: Mapping[str, str | None]
    buffered: list[pa.RecordBatch] = field(default_factory=list)
    buffered_rows: int = 0
    buffered_bytes: int = 0
    path: str = ""
    stream: Any = None
    writer: Any = None
    footers: list[Any] = field(default_factory=list)
    rows: int = 0


class BatchWriter:
    """Takes batches, partition by partition, and leaves closed files. Call `close` or `abandon`."""

    def __init__(
        self,
        store: Store,
        folder: str,
        schema: pa.Schema,
        partition_by: Sequence[str],
        *,
        file_bytes: int = FILE_BYTES,
        file_rows: int = FILE_ROWS,
    ) -> None:
        self._store = store
        self._folder = folder
        self._schema = file_schema(schema, partition_by)
        self._partition_by = tuple(partition_by)
        self._file_bytes = file_bytes
        self._file_rows = file_rows
        self._sinks: dict[tuple[str | None, ...], _Sink] = {}
        self._files: list[DataFile] = []

    def write(self, batch: pa.RecordBatch, values: Mapping[str, str | None]) -> None:
        """Add rows (without partition columns) to one partition."""
        if not batch.num_rows:
            return
        batch = conformed(batch, self._schema)
        for position, column in enumerate(self._schema):
            if not column.nullable and batch.column(position).null_count:
                raise LakeError(
                    "lake.null_in_required",
                    f"the column {column.name!r} is required and {batch.column(position).null_count} rows lack it",
                    hint="keep such rows out, or let the column be null",
                )
        key = tuple(values[name] for name in self._partition_by)
        sink = self._sinks.setdefault(key, _Sink(dict(values)))
        sink.buffered.append(batch)
        sink.buffered_rows += batch.num_rows
        sink.buffered_bytes += batch.nbytes
        if sink.buffered_rows >= GROUP_ROWS or sink.buffered_bytes >= GROUP_BYTES:
            self._flush(sink)
        if sum(each.buffered_bytes for each in self._sinks.values()) > OPEN_BYTES:
            self._flush(max(self._sinks.values(), key=lambda each: each.buffered_bytes))

    def close(self) -> list[DataFile]:
        """Finish every file; the files in the order they were finished."""
        for sink in self._sinks.values():
            self._flush(sink)
            self._finish(sink)
        return self._files

    def abandon(self) -> None:
        """Delete what was written: nobody else knows these names."""
        for sink in self._sinks.values():
            if sink.writer is not None:
                with suppress(Exception):
                    sink.writer.close()
                    sink.stream.close()
                with suppress(Exception):
                    self._store.delete(f"{self._folder}/{sink.path}")
        for file in self._files:
            with suppress(Exception):
                self._store.delete(f"{self._folder}/{file.path}")

    def _flush(self, sink: _Sink) -> None:
        if not sink.buffered:
            return
        table = pa.Table.from_batches(sink.buffered, self._schema)
        start = 0
        while start < table.num_rows:
            if sink.writer is None:
                self._open(sink)
            piece = table.slice(start, min(GROUP_ROWS, self._file_rows - sink.rows))
            sink.writer.write_table(piece, row_group_size=GROUP_ROWS)
            start += piece.num_rows
            sink.rows += piece.num_rows
            if sink.rows >= self._file_rows or sink.stream.tell() >= self._file_bytes:
                self._finish(sink)
        sink.buffered, sink.buffered_rows, sink.buffered_bytes = [], 0, 0

    def _open(self, sink: _Sink) -> None:
        import pyarrow.parquet as pq

        opened = [each for each in self._sinks.values() if each.writer is not None]
        if len(opened) >= OPEN_FILES:
            self._finish(opened[0])
        sink.path = f"{folder_of(sink.values, self._partition_by)}part-{new_id(datetime.now(UTC))}.parquet"
        sink.stream = self._store.open_write(f"{self._folder}/{sink.path}")
        sink.footers = []
        sink.writer = pq.ParquetWriter(
            sink.stream,
            self._schema,
            compression="zstd",
            store_schema=False,
            coerce_timestamps=None,
            metadata_collector=sink.footers,
        )

    def _finish(self, sink: _Sink) -> None:
        if sink.writer is None:
            return
        sink.writer.close()
        sink.stream.close()
        footer = sink.footers[0]
        size = self._store.size(f"{self._folder}/{sink.path}")
        if size is None:
            raise LakeError("lake.file_missing", f"the data file {sink.path!r} vanished after it was written", hint="")
        stats = statistics(footer, self._schema)
        self._files.append(DataFile(sink.path, size, sink.rows, stats, dict(sink.values)))
        sink.writer, sink.stream, sink.path, sink.rows = None, None, "", 0


def write_batches(
    store: Store,
    folder: str,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    partition_by: Sequence[str],
) -> list[DataFile]:
    """Stream batches that hold all columns of `schema` into files below `folder`. No rows, no files."""
    check_partitioning(schema, partition_by)
    writer = BatchWriter(store, folder, schema, partition_by)
    try:
        with translated(f"writing data files into {os.path.basename(folder)}"):
            for batch in batches:
                _refuse_other_types(batch, schema)
                for values, rows in split(batch, schema, partition_by):
                    writer.write(rows, values)
            return writer.close()
    except BaseException:
        writer.abandon()
        raise


def split(
    batch: pa.RecordBatch, schema: pa.Schema, partition_by: Sequence[str]
) -> Iterator[tuple[Mapping[str, str | None], pa.RecordBatch]]:
    """The rows of a batch by partition, partition columns dropped, in the order they come."""
    if not partition_by:
        yield {}, batch
        return
    if not batch.num_rows:
        return
    import numpy as np

    codes = np.zeros(batch.num_rows, dtype=np.int64)
    dictionaries = []
    for name in partition_by:
        encoded = batch.column(name).dictionary_encode(null_encoding="encode")
        dictionaries.append([text_of(value) for value in encoded.dictionary.to_pylist()])
        codes = codes * len(encoded.dictionary) + encoded.indices.to_numpy()
    for name, texts in zip(partition_by, dictionaries, strict=True):
        for text in texts:
            value_of(text, schema.field(name).type, name)
    rest = batch.drop_columns(list(partition_by))
    for code in np.unique(codes):
        remainder = int(code)
        values: dict[str, str | None] = {}
        for name, texts in zip(reversed(partition_by), reversed(dictionaries), strict=True):
            remainder, position = divmod(remainder, len(texts))
            values[name] = texts[position]
        yield values, rest.take(pa.array(np.flatnonzero(codes == code)))


def _refuse_other_types(batch: pa.RecordBatch, schema: pa.Schema) -> None:
    for found in batch.schema:
        if found.name not in schema.names:
            raise LakeError("lake.column_unknown", f"the column {found.name!r} is not in the table's schema", hint="")
        expected = schema.field(found.name).type
        if not same_type(expected, found.type) and found.type != pa.null():
            raise LakeError(
                "lake.schema_mismatch",
                f"the column {found.name!r} comes as {found.type}, the table has {expected}",
                hint="cast it before it is written",
            )


def without_rows(batch: pa.RecordBatch, unwanted: Any) -> pa.RecordBatch:
    """A batch without the rows at these positions (a numpy array of integers)."""
    import numpy as np

    kept = np.ones(batch.num_rows, dtype=bool)
    kept[unwanted] = False
    return batch.filter(pa.array(kept))
