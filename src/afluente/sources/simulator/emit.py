"""Simulated files as bytes: CSV in the encodings of a real company, and the truth as Parquet.

Invariant: the same simulation gives the same bytes; the truth appears whole or not at all.
"""

from __future__ import annotations

import codecs
import gzip
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from afluente.sources.simulator.dirt import TableKey
from afluente.sources.simulator.sheet import SimulatedFile

SLICE_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class CsvStyle:
    """How a table is exported."""

    delimiter: str
    encoding: str = "utf-8"
    has_mark: bool = False
    is_packed: bool = False


STYLES: dict[TableKey, CsvStyle] = {
    "transacoes": CsvStyle(delimiter=";", encoding="latin-1"),
    "produtos": CsvStyle(delimiter=",", has_mark=True),
    "clientes": CsvStyle(delimiter=",", is_packed=True),
}


def write_csv(file: SimulatedFile, style: CsvStyle, path: Path) -> None:
    """Write the rows as CSV with a header."""
    with _opened(path, is_packed=style.is_packed) as stream:
        if style.has_mark:
            stream.write(codecs.BOM_UTF8)
        for start in range(0, max(file.rows.num_rows, 1), SLICE_ROWS):
            options = pyarrow.csv.WriteOptions(
                include_header=start == 0, delimiter=style.delimiter, quoting_header="none", batch_size=SLICE_ROWS
            )
            text = pa.BufferOutputStream()
            pyarrow.csv.write_csv(file.rows.slice(start, SLICE_ROWS), text, options)
            content = text.getvalue().to_pybytes()
            stream.write(content if style.encoding == "utf-8" else content.decode().encode(style.encoding))


@contextmanager
def _opened(path: Path, *, is_packed: bool) -> Iterator[IO[bytes]]:
    with path.open("wb") as plain:
        if not is_packed:
            yield plain
            return
        with gzip.GzipFile("", "wb", compresslevel=3, fileobj=plain, mtime=0) as packed:
            yield cast("IO[bytes]", packed)


def truth_path(folder: Path, table: TableKey) -> Path:
    return folder / f"verdade_{table}.parquet"


def write_truth(files: Iterable[SimulatedFile], path: Path) -> Iterator[SimulatedFile]:
    """Pass the files on while their truth is written; it stands at `path` once the last was taken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    writer = None
    try:
        for file in files:
            table = _without_dictionary(file.truth)
            if writer is None:
                writer = pyarrow.parquet.ParquetWriter(partial, table.schema, compression="zstd")
            writer.write_table(table)
            yield file
        if writer is not None:
            writer.close()
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _without_dictionary(table: pa.Table) -> pa.Table:
    fields = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))
