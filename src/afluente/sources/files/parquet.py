"""Parquet with its own types, changed only where a Delta table has no such type and the change loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from afluente.core.errors import SourceError
from afluente.sources.delimited.layout import name_columns
from afluente.sources.source import BATCH_ROWS, SOURCE_ROW, Batch, Parsed
from afluente.sources.unpack import cut_error, damaged_error, seekable

_MAGIC = b"PAR1"


def parse_parquet(stream: BinaryIO, *, unit: str, max_columns: int) -> Parsed:
    source = seekable(stream)
    try:
        file = pq.ParquetFile(source)
    except (pa.ArrowInvalid, OSError) as error:
        with source:
            source.seek(0)
            is_cut = source.read(len(_MAGIC)) == _MAGIC
        raise (cut_error(unit) if is_cut else damaged_error(unit, "it is not Parquet")) from error
    given = file.schema_arrow
    try:
        names, warnings = name_columns(given.names, unit=unit, max_columns=max_columns)
    except SourceError:
        source.close()
        raise
    kept = [pa.field(name, storable(column.type)) for name, column in zip(names, given, strict=True)]
    schema = pa.schema([*kept, pa.field(SOURCE_ROW, pa.int64())])
    return Parsed(schema, _batches(file, source, schema, unit), warnings)


def _batches(file: pq.ParquetFile, source: BinaryIO, schema: pa.Schema, unit: str) -> Iterator[Batch]:
    """Closes `source` at the end, however it comes."""
    row = 1
    try:
        for batch in file.iter_batches(batch_size=BATCH_ROWS):
            numbers = pa.array(range(row, row + batch.num_rows), pa.int64())
            row += batch.num_rows
            columns = [
                column if column.type == wanted.type else _cast(column, wanted, unit)
                for column, wanted in zip(batch.columns, schema, strict=False)
            ]
            yield Batch(pa.RecordBatch.from_arrays([*columns, numbers], schema=schema))
    except OSError as error:
        raise damaged_error(unit, error) from error
    finally:
        source.close()


def _cast(column: pa.Array, wanted: pa.Field, unit: str) -> pa.Array:
    try:
        return column.cast(wanted.type)
    except pa.ArrowInvalid as error:
        raise SourceError(
            "source.type_not_storable",
            f"{unit}: column '{wanted.name}' of type {column.type} does not fit in {wanted.type}",
            hint="write the file with a type a Delta table has, such as microseconds for times",
        ) from error


def storable(kind: pa.DataType) -> pa.DataType:
    """The nearest type of a Delta table that holds every value of `kind`, or `kind` when it is one."""
    types = pa.types
    if types.is_dictionary(kind):
        return storable(kind.value_type)
    if types.is_large_string(kind) or types.is_string_view(kind) or types.is_null(kind) or types.is_time(kind):
        return pa.string()
    if types.is_large_binary(kind) or types.is_fixed_size_binary(kind) or types.is_binary_view(kind):
        return pa.binary()
    if types.is_timestamp(kind):
        return pa.timestamp("us", tz="UTC" if kind.tz else None)
    if types.is_date64(kind):
        return pa.date32()
    if types.is_duration(kind):
        return pa.int64()
    if types.is_float16(kind):
        return pa.float32()
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return pa.list_(storable(kind.value_type))
    if types.is_struct(kind):
        return pa.struct([pa.field(item.name, storable(item.type)) for item in kind])
    unsigned = {
        pa.uint8(): pa.int16(),
        pa.uint16(): pa.int32(),
        pa.uint32(): pa.int64(),
        pa.uint64(): pa.decimal128(20),
    }
    return unsigned.get(kind, kind)
