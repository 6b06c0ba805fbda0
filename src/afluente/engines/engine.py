"""The seam between the platform and whatever executes SQL.

Invariant: an engine reads snapshots that were registered with it and writes Parquet files; it never lists a
folder to find a table and never touches a table's log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import pyarrow as pa

from afluente.core.tables import DataFile

Dialect = Literal["duckdb", "spark"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine is: its name and version for the run's report, and what differs between engines."""

    engine: str
    version: str
    dialect: Dialect
    memory_limit: str
    threads: int


class Engine(Protocol):
    """Executes SQL of its own dialect over registered views."""

    def describe(self) -> Capabilities: ...

    def register(
        self,
        view: str,
        files: Sequence[str],
        schema: pa.Schema,
        *,
        partition_by: Sequence[str] = (),
        partitions: Sequence[Mapping[str, str | None]] = (),
        file_column: str = "",
    ) -> None:
        """Make Parquet files (absolute paths or URLs) readable as `view`, with exactly this schema.

        A column missing from a file reads as null; no files make an empty view. The columns of `partition_by`
        stand in the schema and not in the files: their values come from `partitions`, one mapping for each file
        in the same order, as Delta writes them (text, or None for null). `file_column`, when given, is one more
        column after the schema's: the file each row came from, as it was given.
        """
        ...

    def register_arrow(self, view: str, table: pa.Table) -> None:
        """Make a small table in memory readable as `view`."""
        ...

    def materialise(self, name: str, sql: str) -> int:
        """Compute `sql` once and keep it readable as `name` until dropped; returns its rows. May spill to disk."""
        ...

    def drop(self, name: str) -> None:
        """Forget a registered view or a materialised table; unknown names are ignored."""
        ...

    def query(self, sql: str) -> pa.Table:
        """Run a query whose answer is small enough to hold."""
        ...

    def stream(self, sql: str, *, batch_rows: int = 65_536) -> pa.RecordBatchReader:
        """Run a query and read its answer in batches."""
        ...

    def write_parquet(
        self, sql: str, folder: str, *, schema: pa.Schema, partition_by: Sequence[str] = ()
    ) -> list[DataFile]:
        """Run a query into new Parquet files under `folder` (a table's root), cast to `schema`.

        File names are unique, so that two attempts never overwrite each other. Partition columns stand in the
        folder names (`uf=SP/`) and not in the files. An empty answer writes no file.
        """
        ...

    def close(self) -> None: ...
