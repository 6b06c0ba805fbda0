"""What a range of versions changed, for readers that take only what is new.

Invariant: when `is_append_only` holds, the rows of `files` are exactly the rows that came in the range; whenever
that cannot be told (rows taken out, a log or a file cleaned away) it does not hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from afluente.core.tables import TableName
from afluente.lake.log import Log
from afluente.lake.snapshot import Snapshot
from afluente.lake.store import Store


@dataclass(frozen=True, slots=True)
class Changes:
    """Versions after `from_version` up to `to_version`. Compaction changes nothing.

    `files` are absolute paths or URLs for `Engine.register`; they are empty unless `is_append_only`.
    """

    table: TableName
    from_version: int
    to_version: int
    files: tuple[str, ...]
    rows: int
    is_append_only: bool
    has_new_schema: bool

    @property
    def is_empty(self) -> bool:
        return self.is_append_only and not self.files and not self.has_new_schema


def changes(store: Store, snapshot: Snapshot, from_version: int) -> Changes:
    """What came into the table after `from_version` (-1: since before it was made) up to the snapshot."""
    log = Log(store, snapshot.address)
    added: dict[str, int] = {}
    has_removals = False
    has_new_schema = False
    for version in range(from_version + 1, snapshot.version + 1):
        entry = log.entry(version)
        if entry is None:
            return _unknown(snapshot, from_version)
        for removal in entry.removed:
            if removal.is_data_change and added.pop(removal.path, None) is None:
                has_removals = True
        for addition in entry.added:
            if addition.is_data_change:
                if addition.rows is None:
                    return _unknown(snapshot, from_version)
                added[addition.path] = addition.rows
        has_new_schema = has_new_schema or (entry.has_metadata and version > 0)
    if has_removals or snapshot.is_foreign:
        return _unknown(snapshot, from_version, has_new_schema=has_new_schema)
    live = {file.path for file in snapshot.live}
    files = tuple(f"{snapshot.address}/{path}" for path in added)
    compacted = [address for path, address in zip(added, files, strict=True) if path not in live]
    if any(store.size(address) is None for address in compacted):
        return _unknown(snapshot, from_version, has_new_schema=has_new_schema)
    return Changes(
        table=snapshot.table,
        from_version=from_version,
        to_version=snapshot.version,
        files=files,
        rows=sum(added.values()),
        is_append_only=True,
        has_new_schema=has_new_schema,
    )


def _unknown(snapshot: Snapshot, from_version: int, *, has_new_schema: bool = True) -> Changes:
    return Changes(
        table=snapshot.table,
        from_version=from_version,
        to_version=snapshot.version,
        files=(),
        rows=0,
        is_append_only=False,
        has_new_schema=has_new_schema,
    )
