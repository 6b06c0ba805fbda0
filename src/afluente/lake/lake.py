"""The lake of a project: its tables, its landing, and every way to read and to change them.

Invariant: tables change only by `commit`; whatever fails is a LakeError with a code and, where one helps, a hint.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from afluente.core.clock import Clock, SystemClock
from afluente.core.errors import CommitConflict, LakeError
from afluente.core.nearest import did_you_mean
from afluente.core.tables import LAYERS, DataFile, TableName
from afluente.lake.batches import write_batches
from afluente.lake.changes import Changes, changes
from afluente.lake.commit import commit
from afluente.lake.failure import translated
from afluente.lake.handle import find
from afluente.lake.landing import Landing
from afluente.lake.location import Location
from afluente.lake.log import Log, LogEntry
from afluente.lake.optimize import Compacted, plan_compaction
from afluente.lake.plan import Commit, Committed, Mode
from afluente.lake.planning import plan_change
from afluente.lake.schema import canonical
from afluente.lake.snapshot import Snapshot
from afluente.lake.store import Store
from afluente.lake.transactions import transaction_versions
from afluente.lake.vacuum import Vacuumed, vacuum
from afluente.lake.widen import widen

TARGET_BYTES = 128 << 20
RETENTION_HOURS = 168.0
ORPHAN_AGE_HOURS = 24.0


class Lake:
    """A folder (absolute path) or an s3://, gs:// or abfss:// URL. Opening it touches nothing.

    `temp_folder` is where what is needed for a moment is kept; None is the system's own place.
    """

    def __init__(
        self,
        root_url: str,
        storage_options: Mapping[str, str] | None = None,
        project_name: str = "",
        *,
        clock: Clock | None = None,
        temp_folder: Callable[[], Path | None] = lambda: None,
    ) -> None:
        self.location = Location.parse(root_url)
        self.project_name = project_name
        self._store = Store(self.location, storage_options or {}, temp_folder)
        self._clock = clock or SystemClock()

    @cached_property
    def landing(self) -> Landing:
        """Files as they were received."""
        return Landing(self._store)

    @property
    def storage_options(self) -> Mapping[str, str]:
        """The options as given, for whoever opens the same store."""
        return self._store.options

    def temp_folder(self) -> Path | None:
        """Where what is needed for a moment is kept; None is the system's own place."""
        return self._store.temp_folder()

    def filesystem(self) -> Any | None:
        """The fsspec file system to register with DuckDB; None for a local folder, which needs none."""
        return None if self.location.is_local else self._store.fsspec

    def transaction_versions(self, snapshot: Snapshot, app_ids: Iterable[str]) -> dict[str, int]:
        """The last version that each app id committed; 0 for one that never did. One reading of the log for many."""
        return transaction_versions(self._store, snapshot, app_ids)

    def address(self, table: TableName) -> str:
        """The folder (absolute path or URL) below which an engine writes a table's files."""
        return self.location.table(table)

    def app_id(self, step: str) -> str:
        """The stable name of a step in a table's transactions."""
        return f"afluente:{self.project_name}:{step}"

    def exists(self, table: TableName) -> bool:
        return self.find(table) is not None

    def find(self, table: TableName) -> Snapshot | None:
        """The newest version, or None when there is no such table."""
        return find(self._store, table)

    def snapshot(self, table: TableName, version: int | datetime | None = None) -> Snapshot:
        """The table pinned at a version, at the last version before a moment, or at its newest.

        Raises `lake.table_missing` or `lake.version_missing`.
        """
        found = find(self._store, table, version)
        if found is None:
            names = [str(name) for name in self.tables()]
            raise LakeError("lake.table_missing", f"table {table} does not exist", hint=did_you_mean(str(table), names))
        return found

    def tables(self) -> list[TableName]:
        """Every table of the lake, sorted. Folders with no log and with other names are passed over."""
        found = []
        with translated("listing the tables of the lake"):
            for layer in LAYERS:
                for name in self._store.folders(self.location.layer(layer)):
                    try:
                        table = TableName.parse(f"{layer}.{name}")
                    except ValueError:
                        continue
                    if "_delta_log" in self._store.folders(self.location.table(table)):
                        found.append(table)
        return sorted(found)

    def history(self, table: TableName, *, limit: int = 50) -> list[LogEntry]:
        """The commits of a table, newest first, as far as its log goes back."""
        newest = self.snapshot(table).version
        log = Log(self._store, self.address(table))
        entries: list[LogEntry] = []
        for version in range(newest, max(-1, newest - limit), -1):
            entry = log.entry(version)
            if entry is None:
                break
            entries.append(entry)
        return entries

    def changes(self, table: TableName, from_version: int, to_version: int | None = None) -> Changes:
        """What came after `from_version` (-1: everything) up to `to_version` (None: the newest)."""
        return changes(self._store, self.snapshot(table, to_version), from_version)

    def write_batches(
        self,
        table: TableName,
        schema: pa.Schema,
        reader: Iterable[pa.RecordBatch],
        partition_by: Sequence[str] = (),
    ) -> list[DataFile]:
        """Stream batches into new files of a table, not yet committed. No rows, no files."""
        return write_batches(self._store, self.address(table), canonical(schema), reader, partition_by)

    def discard(self, table: TableName, files: Iterable[DataFile]) -> None:
        """Delete new files of a table that were not committed and never will be."""
        for file in files:
            self._store.delete(f"{self.address(table)}/{file.path}")

    def plan(
        self,
        table: TableName,
        snapshot: Snapshot | None,
        mode: Mode,
        files: Sequence[DataFile],
        *,
        schema: pa.Schema,
        app_id: str,
        app_version: int,
        partition_by: Sequence[str] = (),
        keys: Sequence[str] = (),
        column: str = "",
        values: Sequence[object] = (),
        partitions: Sequence[Mapping[str, str | None]] = (),
        input_signature: str = "",
        run_id: str = "",
        details: Mapping[str, str] | None = None,
        also: Mapping[str, int] | None = None,
        seen: Mapping[str, int] | None = None,
    ) -> Commit:
        """Make a plan pinned to `snapshot` (None: the table is to be made).

        upsert takes `keys`: rows whose key comes again are replaced (null equals null; a repeated new key is
        refused); delete takes `keys` too, and `files` that hold the keys of the rows that go and are not part of the
        commit. replace_rows takes `column` and `values`: rows that hold one of them are superseded by `files`.
        replace_partitions replaces the partitions of `files` and those of `partitions`, which may become empty. `also`
        and `seen` make one commit of many transactions (see Commit).
        """
        schema = canonical(schema)
        change = plan_change(
            self._store,
            table,
            snapshot,
            mode,
            files,
            schema=schema,
            keys=keys,
            column=column,
            values=values,
            partitions=partitions,
        )
        return Commit(
            table=table,
            mode=mode,
            files=change.files,
            schema=schema,
            app_id=app_id,
            app_version=app_version,
            base_version=None if snapshot is None else snapshot.version,
            partition_by=tuple(partition_by),
            removed=change.removed,
            partitions=change.partitions,
            input_signature=input_signature,
            run_id=run_id,
            details=dict(details or {}),
            also=dict(also or {}),
            seen=dict(seen or {}),
        )

    def commit(self, plan: Commit) -> Committed:
        """Carry out a plan at most once. Raises CommitConflict (retryable) when it must be planned again."""
        return commit(self._store, plan)

    def write(
        self, table: TableName, planner: Callable[[Snapshot | None], Commit | None], *, attempts: int = 5
    ) -> Committed | None:
        """Plan on the newest version and commit; after a conflict, again, with a growing pause.

        `planner` gets the newest snapshot (None: no such table) and must keep its app id and version; it may
        answer None when there is nothing to do. After `attempts` conflicts the last one is raised.
        """
        for attempt in range(1, attempts + 1):
            plan = planner(self.find(table))
            if plan is None:
                return None
            try:
                return self.commit(plan)
            except CommitConflict:
                if attempt == attempts:
                    raise
                time.sleep(random.uniform(0.02, 0.05) * 2**attempt)  # noqa: S311 - jitter, not a secret
        raise LakeError("lake.plan", f"a write to {table} needs at least one attempt", hint="")

    def widen(self, table: TableName, schema: pa.Schema, *, attempts: int = 5) -> Snapshot:
        """Give a table the columns of `schema` that it lacks, nullable; a changed type is refused."""
        return widen(self._store, self.snapshot(table), schema, attempts=attempts)

    def optimize(self, table: TableName, target_size_bytes: int = TARGET_BYTES, *, attempts: int = 3) -> Compacted:
        """Join small files. Changes no row; readers of `changes` see nothing new."""
        before = self.snapshot(table)
        app_id = self.app_id(f"optimize:{table}")

        def planner(snapshot: Snapshot | None) -> Commit | None:
            if snapshot is None:
                return None
            return plan_compaction(self._store, snapshot, target_bytes=target_size_bytes, app_id=app_id)

        done = self.write(table, planner, attempts=attempts)
        if done is None:
            return Compacted(table, before.version, len(before.live), len(before.live))
        after = self.snapshot(table, done.version)
        return Compacted(table, done.version, len(self.snapshot(table, done.version - 1).live), len(after.live))

    def vacuum(
        self,
        table: TableName,
        retention_hours: float = RETENTION_HOURS,
        *,
        dry_run: bool = True,
        full: bool = False,
        orphan_age_hours: float = ORPHAN_AGE_HOURS,
    ) -> Vacuumed:
        """Delete files that only versions older than the retention need; `full` also those of dead attempts."""
        return vacuum(
            self._store,
            self.snapshot(table),
            now=self._clock.now(),
            retention_hours=retention_hours,
            orphan_age_hours=orphan_age_hours,
            is_full=full,
            is_dry_run=dry_run,
        )
