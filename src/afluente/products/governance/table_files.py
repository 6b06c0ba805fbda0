"""Every data file of a table, of its newest version and of those before, and a table written again without a person.

Invariant: a table changes only by a commit of the lake; what older versions held is deleted only after that commit,
and the log is cut only behind a checkpoint that holds all of it that is still true.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from afluente.core.tables import TableName
from afluente.lake.batches import BatchWriter
from afluente.lake.failure import translated
from afluente.lake.partition import folder_values, value_of
from afluente.lake.plan import Commit
from afluente.lake.schema import canonical
from afluente.lake.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.lake.lake import Lake
    from afluente.lake.snapshot import Snapshot

Change = Callable[["pa.Table"], "pa.Table | None"]
"""What to make of a file's rows: None when nothing in it changes."""

STEP = "erase"


@dataclass(frozen=True, slots=True)
class TableFile:
    """A data file as it stands in the table's folder. `path` is relative; `is_live` if the newest version holds it."""

    path: str
    is_live: bool


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was done to one table: files written again, rows that went, old files and log files deleted."""

    files: int
    old_files: int
    log_files: int
    version: int | None


def store_of(lake: Lake) -> Store:
    return Store(lake.location, lake.storage_options)


def table_files(lake: Lake, snapshot: Snapshot) -> list[TableFile]:
    """Every Parquet file below the table's folder."""
    live = {file.path for file in snapshot.live}
    with translated(f"listing the files of table {snapshot.table}"):
        found = store_of(lake).files(snapshot.address)
    return [
        TableFile(file.path, file.path in live)
        for file in found
        if file.path.endswith(".parquet") and not file.path.startswith("_delta_log/")
    ]


def read_table_file(lake: Lake, snapshot: Snapshot, path: str, columns: Collection[str] | None = None) -> pa.Table:
    """The rows of a file with its own columns and those of its partition; with `columns` those of them it has."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with (
        translated(f"reading a file of {snapshot.table}"),
        store_of(lake).open_read(f"{snapshot.address}/{path}") as source,
    ):
        file = pq.ParquetFile(source, coerce_int96_timestamp_unit="us")
        chosen = None if columns is None else [name for name in file.schema_arrow.names if name in columns]
        table = file.read(columns=chosen, use_threads=False)
    folders = folder_values(path)
    for name in snapshot.partition_by:
        if name in folders and name not in table.column_names and (columns is None or name in columns):
            kind = snapshot.schema.field(name).type
            value = pa.scalar(value_of(folders[name], kind, name), kind)
            table = table.append_column(name, pa.repeat(value, table.num_rows))
    return table


def rewrite(lake: Lake, table: TableName, change: Change, *, details: dict[str, str]) -> Cleaned | None:
    """Commit the table with `change` applied to each of its files; None when no file changes."""
    written = 0

    def planner(snapshot: Snapshot | None) -> Commit | None:
        nonlocal written
        if snapshot is None:
            return None
        writer = BatchWriter(store_of(lake), snapshot.address, snapshot.schema, snapshot.partition_by)
        removed: list[str] = []
        try:
            for file in snapshot.live:
                after = change(read_table_file(lake, snapshot, file.path))
                if after is None:
                    continue
                removed.append(file.path)
                own = after.drop_columns(list(snapshot.partition_by)) if snapshot.partition_by else after
                for batch in own.combine_chunks().to_batches():
                    writer.write(batch, file.partition_values)
            files = writer.close()
        except BaseException:
            writer.abandon()
            raise
        written = len(removed)
        if not removed:
            return None
        app_id = lake.app_id(STEP)
        return Commit(
            table=table,
            mode="replace_rows",
            files=tuple(files),
            schema=canonical(snapshot.schema),
            app_id=app_id,
            app_version=snapshot.transaction_version(app_id) + 1,
            base_version=snapshot.version,
            partition_by=snapshot.partition_by,
            removed=tuple(removed),
            details=details,
        )

    done = lake.write(table, planner)
    return None if done is None else Cleaned(written, 0, 0, done.version)


def forget_versions(lake: Lake, table: TableName, holds: Callable[[pa.Table], bool]) -> tuple[int, int]:
    """Delete old data files that hold the person, and the log behind a new checkpoint: (data files, log files).

    The log's own statistics name the least and the greatest value of each file, so its older entries go whole.
    Versions before this one cannot be read afterwards.
    """
    from deltalake import DeltaTable

    snapshot = lake.snapshot(table)
    store = store_of(lake)
    dead = [file.path for file in table_files(lake, snapshot) if not file.is_live]
    doomed = [path for path in dead if holds(read_table_file(lake, snapshot, path))]
    with translated(f"checkpointing table {table}"):
        DeltaTable(snapshot.address, storage_options=dict(lake.storage_options) or None).create_checkpoint()
    for path in doomed:
        store.delete(f"{snapshot.address}/{path}")
    entries = list(_older_log(store, snapshot))
    for path in entries:
        store.delete(f"{snapshot.address}/_delta_log/{path}")
    return len(doomed), len(entries)


def _older_log(store: Store, snapshot: Snapshot) -> Iterator[str]:
    with translated(f"listing the log of table {snapshot.table}"):
        found = store.files(f"{snapshot.address}/_delta_log")
    for file in found:
        number = file.path.split(".", 1)[0]
        if number.isdigit() and int(number) < snapshot.version and "/" not in file.path:
            yield file.path


def has_old_traces(
    lake: Lake, table: TableName, holds: Callable[[pa.Table], bool], pattern: re.Pattern[str] | None
) -> bool:
    """Whether an old data file or the text of the log still holds the person."""
    snapshot = lake.snapshot(table)
    store = store_of(lake)
    for file in table_files(lake, snapshot):
        if not file.is_live and holds(read_table_file(lake, snapshot, file.path)):
            return True
    if pattern is None:
        return False
    for entry in _older_log(store, snapshot):
        content = store.read_bytes(f"{snapshot.address}/_delta_log/{entry}") or b""
        if entry.endswith(".json") and pattern.search(content.decode(errors="replace")):
            return True
    return False
