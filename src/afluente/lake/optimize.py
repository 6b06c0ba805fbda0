"""Compaction: small files of one partition become larger ones.

Invariant: no row changes and the log says so (dataChange is false), so readers of changes see nothing new.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from afluente.core.tables import DataFile, TableName
from afluente.lake.batches import BatchWriter
from afluente.lake.failure import translated
from afluente.lake.partition import key_of
from afluente.lake.plan import Commit
from afluente.lake.rewrite import read_file
from afluente.lake.snapshot import LiveFile, Snapshot, foreign_table
from afluente.lake.store import Store


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did. `version` is the table's version afterwards."""

    table: TableName
    version: int
    files_before: int
    files_after: int


def plan_compaction(store: Store, snapshot: Snapshot, *, target_bytes: int, app_id: str) -> Commit | None:
    """Write the larger files and plan their commit; None when no two small files lie together."""
    if snapshot.is_foreign:
        raise foreign_table(snapshot.table, snapshot.obstacle)
    files: list[DataFile] = []
    removed: list[str] = []
    try:
        for group in _groups(snapshot, target_bytes):
            files += _joined(store, snapshot, group, target_bytes)
            removed += [file.path for file in group]
    except BaseException:
        for file in files:
            store.delete(f"{snapshot.address}/{file.path}")
        raise
    if not removed:
        return None
    return Commit(
        table=snapshot.table,
        mode="optimize",
        files=tuple(files),
        schema=snapshot.schema,
        app_id=app_id,
        app_version=snapshot.transaction_version(app_id) + 1,
        base_version=snapshot.version,
        partition_by=snapshot.partition_by,
        removed=tuple(removed),
        input_signature=snapshot.input_signature,
    )


def _groups(snapshot: Snapshot, target_bytes: int) -> Iterator[list[LiveFile]]:
    """Runs of at least two files of a partition, each smaller than half the target, that fill a target together."""

    def order(file: LiveFile) -> tuple[tuple[bool, str], ...]:
        key = key_of(file.partition_values, snapshot.partition_by, snapshot.schema)
        return tuple((value is None, str(value)) for value in key)

    small = [file for file in snapshot.live if file.size_bytes < target_bytes // 2]
    for _, members in groupby(sorted(small, key=order), key=order):
        run: list[LiveFile] = []
        size = 0
        for file in members:
            if size + file.size_bytes > target_bytes and run:
                if len(run) > 1:
                    yield run
                run, size = [], 0
            run.append(file)
            size += file.size_bytes
        if len(run) > 1:
            yield run


def _joined(store: Store, snapshot: Snapshot, group: list[LiveFile], target_bytes: int) -> list[DataFile]:
    writer = BatchWriter(
        store,
        snapshot.address,
        snapshot.schema,
        snapshot.partition_by,
        file_bytes=2 * target_bytes,
        file_rows=max(1_000_000, sum(file.rows or 0 for file in group)),
    )
    try:
        with translated(f"compacting table {snapshot.table}"):
            for file in group:
                for batch in read_file(store, f"{snapshot.address}/{file.path}", snapshot.file_schema):
                    writer.write(batch, file.partition_values)
            return writer.close()
    except BaseException:
        writer.abandon()
        raise
