"""An answer written batch by batch: a table for a person, CSV, JSON or Parquet for a program.

Invariant: a file appears under its name only when it is whole.
"""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from afluente.cli.console import Console, as_json
from afluente.core.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN_ROWS = 1000


def most_rows(form: str, limit: int | None) -> int:
    """How many rows are given: a table is for reading, anything else is whole; 0 is all."""
    if limit is not None:
        return limit
    return SHOWN_ROWS if form == "table" else 0


def write_answer(reader: pa.RecordBatchReader, console: Console, *, form: str, target: Path | None, limit: int) -> None:
    """Write at most `limit` rows (0: all), to the target or to standard output, and note what was left out."""
    counted = _Counted(reader, limit)
    if form == "parquet" and target is not None:
        with _whole_file(target) as path:
            _parquet(reader.schema, counted, path)
    elif target is not None:
        with _whole_file(target) as path, path.open("w", encoding="utf-8", newline="") as file:
            _text(counted, reader.schema, form, file)
    elif form == "table":
        rows = [row for batch in counted for row in batch.to_pylist()]
        console.table([_keyed(row) for row in rows], columns=reader.schema.names)
    else:
        _text(counted, reader.schema, form, console.out)
    noun = "row" if counted.rows == 1 else "rows"
    if target is not None:
        console.note(f"wrote {counted.rows:,} {noun} to {target}")
    elif form == "table":
        console.note(f"{counted.rows:,} {noun}")
    if counted.is_cut:
        console.note(f"there are more rows than {limit:,}: --limit 0 gives them all")


class _Counted:
    """The batches up to a limit, counted."""

    def __init__(self, reader: pa.RecordBatchReader, limit: int) -> None:
        self._reader = reader
        self._limit = limit
        self.rows = 0
        self.is_cut = False

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._reader:
            if self._limit and self.rows + batch.num_rows > self._limit:
                self.is_cut = True
                rest = batch.slice(0, self._limit - self.rows)
                self.rows += rest.num_rows
                if rest.num_rows:
                    yield rest
                return
            self.rows += batch.num_rows
            yield batch


def _keyed(row: dict[str, object]) -> dict[str, object]:
    return {name: _cell(value) for name, value in row.items()}


def _cell(value: object) -> object:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=as_json)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    return value


def _text(batches: _Counted, schema: pa.Schema, form: str, file: TextIO) -> None:
    if form == "csv":
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(schema.names)
        for batch in batches:
            columns = [column.to_pylist() for column in batch.columns]
            writer.writerows([_csv_cell(value) for value in row] for row in zip(*columns, strict=True))
        return
    if form == "table":
        Console(out=file).table([_keyed(row) for batch in batches for row in batch.to_pylist()], columns=schema.names)
        return
    file.write("[")
    separator = "\n"
    for batch in batches:
        for row in batch.to_pylist():
            file.write(f"{separator}{json.dumps(row, ensure_ascii=False, default=as_json, allow_nan=False)}")
            separator = ",\n"
    file.write("\n]\n" if separator != "\n" else "]\n")


def _csv_cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list | bytes):
        return json.dumps(value, ensure_ascii=False, default=as_json)
    return value


def _parquet(schema: pa.Schema, batches: _Counted, path: Path) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


@contextmanager
def _whole_file(target: Path) -> Iterator[Path]:
    """A temporary neighbour that takes the target's name at the end. UsageError when it cannot be written."""
    if target.is_dir():
        raise UsageError("sql.output", f"{target} is a folder", hint="name a file")
    if target.exists() and not target.is_file():
        yield target
        return
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
        os.close(handle)
    except OSError as error:
        raise _unwritable(target, error) from error
    path = Path(name)
    try:
        yield path
        path.chmod(0o666 & ~_umask())
        path.replace(target)
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        path.unlink(missing_ok=True)


def _unwritable(target: Path, error: OSError) -> UsageError:
    return UsageError(
        "sql.output", f"{target} cannot be written: {(error.strerror or str(error)).lower()}", hint="name another file"
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
