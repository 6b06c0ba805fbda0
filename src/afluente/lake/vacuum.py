"""Deleting data files that no version within the retention needs, and what dead attempts left.

Invariant: a file is deleted only if the newest version does not hold it, no commit within the retention names
it, and (when the log never named it) it is older than the age at which a running write is surely over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from afluente.core.errors import LakeError
from afluente.core.tables import TableName
from afluente.lake.failure import translated
from afluente.lake.log import Log, LogEntry
from afluente.lake.snapshot import Snapshot, foreign_table
from afluente.lake.store import Store


@dataclass(frozen=True, slots=True)
class Vacuumed:
    """The files that were deleted (or would be: `is_dry_run`), as relative paths."""

    table: TableName
    files: tuple[str, ...]
    size_bytes: int
    is_dry_run: bool


def vacuum(
    store: Store,
    snapshot: Snapshot,
    *,
    now: datetime,
    retention_hours: float,
    orphan_age_hours: float,
    is_full: bool,
    is_dry_run: bool,
) -> Vacuumed:
    """Delete what nobody needs; without `is_full`, only files that a commit removed. `snapshot` is the newest."""
    if retention_hours < 0 or orphan_age_hours < 1:
        raise LakeError(
            "lake.retention",
            f"a vacuum of {snapshot.table} keeps at least 0 hours of versions and 1 hour of new files",
            hint="a write that is running needs its files",
        )
    if snapshot.is_foreign:
        raise foreign_table(snapshot.table, snapshot.obstacle)
    with translated(f"listing the files of table {snapshot.table}"):
        found = store.files(snapshot.address)
    kept, removed = _named(store, snapshot, now - timedelta(hours=retention_hours))
    kept |= {file.path for file in snapshot.live}
    orphaned_before = now - timedelta(hours=orphan_age_hours)
    doomed = []
    for file in found:
        if file.path.split("/", 1)[0] == "_delta_log" or file.path in kept:
            continue
        is_old = file.modified_at is not None and file.modified_at < orphaned_before
        if file.path in removed or (is_full and is_old):
            doomed.append(file)
    if not is_dry_run:
        with translated(f"deleting files of table {snapshot.table}"):
            for file in doomed:
                store.delete(f"{snapshot.address}/{file.path}")
    return Vacuumed(
        snapshot.table, tuple(file.path for file in doomed), sum(file.size_bytes for file in doomed), is_dry_run
    )


def _named(store: Store, snapshot: Snapshot, since: datetime) -> tuple[set[str], set[str]]:
    """Paths that commits within the retention name, and paths that commits removed.

    A commit is as late as the latest before it: one that was stamped while the clock was behind is not old.
    """
    log = Log(store, snapshot.address)
    entries: list[LogEntry] = []
    for version in range(snapshot.version, -1, -1):
        entry = log.entry(version)
        if entry is None:
            break
        entries.append(entry)
    kept: set[str] = set()
    removed: set[str] = set()
    is_within = False
    for entry in reversed(entries):
        removed |= {action.path for action in entry.removed}
        is_within = is_within or entry.committed_at >= since
        if is_within:
            kept |= {action.path for action in (*entry.added, *entry.removed)}
    return kept, removed
