"""One version of one table, pinned: its files, types, size and what was committed about it.

Invariant: a snapshot never changes, whatever is committed after it; its files stay until they are vacuumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa

from afluente.core.errors import LakeError
from afluente.core.tables import TableName
from afluente.lake.failure import translated
from afluente.lake.foreign import obstacle
from afluente.lake.log import Log
from afluente.lake.partition import text_of
from afluente.lake.schema import conformed, file_schema
from afluente.lake.store import Store

if TYPE_CHECKING:
    from deltalake import DeltaTable


@dataclass(frozen=True, slots=True)
class LiveFile:
    """A data file of a snapshot. `path` is physical and relative; bounds hold only columns that have both."""

    path: str
    size_bytes: int
    rows: int | None
    modified_at: datetime
    partition_values: Mapping[str, str | None]
    minimum: Mapping[str, object]
    maximum: Mapping[str, object]


class Snapshot:
    """A pinned version. Whatever needs the log is read at first use and kept."""

    def __init__(self, table: TableName, handle: DeltaTable, store: Store, address: str) -> None:
        self.table = table
        self.version: int = handle.version()
        self.address = address
        self._handle = handle
        self._store = store
        self._log = Log(store, address)

    def __repr__(self) -> str:
        return f"<Snapshot {self.table} version {self.version}>"

    @cached_property
    def schema(self) -> pa.Schema:
        """All columns, those of the partitions included, in the table's order."""
        return pa.schema(self._handle.schema())

    @cached_property
    def table_id(self) -> str:
        """The identity the log gave the table when it was made; one made anew in its place has another."""
        return str(self._handle.metadata().id)

    @cached_property
    def partition_by(self) -> tuple[str, ...]:
        return tuple(self._handle.metadata().partition_columns)

    @cached_property
    def obstacle(self) -> str:
        """Why the table is foreign; empty when it is not."""
        with translated(f"table {self.table}"):
            return obstacle(self._handle)

    @property
    def is_foreign(self) -> bool:
        """Whether others wrote it with features that forbid reading its files plainly and writing it."""
        return bool(self.obstacle)

    @cached_property
    def live(self) -> tuple[LiveFile, ...]:
        """The data files with their statistics, sorted by path."""
        with translated(f"table {self.table}"):
            actions = pa.table(self._handle.get_add_actions())
        return tuple(sorted((_live(row) for row in actions.to_pylist()), key=lambda file: file.path))

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Absolute paths or URLs of the data files, not URL-encoded, for `Engine.register`.

        Raises `lake.foreign_table` where reading them plainly would give wrong rows: read `arrow()` then.
        """
        if self.obstacle:
            raise foreign_table(self.table, self.obstacle)
        return tuple(f"{self.address}/{file.path}" for file in self.live)

    @cached_property
    def rows(self) -> int:
        """From the log where it tells; a foreign table is scanned, since its log counts deleted rows too."""
        if self.obstacle:
            return sum(batch.num_rows for batch in self.arrow())
        total = 0
        for file in self.live:
            total += self._count(file.path) if file.rows is None else file.rows
        return total

    @cached_property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.live)

    @cached_property
    def committed_at(self) -> datetime:
        """When this version was committed, in UTC; when its log is gone, when its newest file was written."""
        entry = self._log.entry(self.version)
        if entry is not None:
            return entry.committed_at
        return max((file.modified_at for file in self.live), default=datetime.fromtimestamp(0, UTC))

    @cached_property
    def input_signature(self) -> str:
        """The latest `afluente.input` at or before this version; empty when there is none."""
        return self._log.latest_input(self.version)

    def transaction_version(self, app_id: str) -> int:
        """The last version that `app_id` committed; 0 when it never did, so the next one is this plus 1."""
        with translated(f"table {self.table}"):
            found = self._handle.transaction_version(app_id)
        return 0 if found is None else int(found)

    def arrow(self) -> pa.RecordBatchReader:
        """All rows in batches with exactly `schema`. Works for every table that can be read at all."""
        with translated(f"reading table {self.table}"):
            scan = pa.RecordBatchReader.from_stream(self._handle.scan())
        return pa.RecordBatchReader.from_batches(self.schema, self._batches(scan))

    def _batches(self, scan: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with translated(f"reading table {self.table}"):
            for batch in scan:
                yield conformed(batch, self.schema)

    @property
    def file_schema(self) -> pa.Schema:
        """What its data files hold: `schema` without the partition columns."""
        return file_schema(self.schema, self.partition_by)

    def _count(self, path: str) -> int:
        import pyarrow.parquet as pq

        with translated(f"reading a file of {self.table}"), self._store.open_read(f"{self.address}/{path}") as source:
            return int(pq.read_metadata(source).num_rows)


def foreign_table(table: TableName, reason: str) -> LakeError:
    """The refusal of a table that this room can only scan."""
    return LakeError(
        "lake.foreign_table",
        f"table {table} was written by other software: {reason}",
        hint="it can be read, not written; give this project's table another name",
    )


def _live(row: Mapping[str, Any]) -> LiveFile:
    least = row.get("min") or {}
    greatest = row.get("max") or {}
    bounded = [name for name in least if least[name] is not None and greatest.get(name) is not None]
    return LiveFile(
        path=unquote(row["path"]),
        size_bytes=int(row["size_bytes"]),
        rows=row.get("num_records"),
        modified_at=datetime.fromtimestamp(int(row["modification_time"]) / 1000, UTC),
        partition_values={name: text_of(value) for name, value in (row.get("partition") or {}).items()},
        minimum={name: least[name] for name in bounded},
        maximum={name: greatest[name] for name in bounded},
    )
