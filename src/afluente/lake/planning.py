"""From new files and a mode to what must be rewritten and what goes.

Invariant: planning reads the pinned snapshot only and writes only files that nobody knows yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from afluente.core.errors import LakeError
from afluente.core.tables import DataFile, TableName
from afluente.lake.partition import key_of
from afluente.lake.plan import Mode
from afluente.lake.rewrite import Rewrite, check_keys, without_keys, without_values
from afluente.lake.snapshot import Snapshot, foreign_table
from afluente.lake.store import Store


@dataclass(frozen=True, slots=True)
class Change:
    """All files that come, the paths of those that go, and the partitions that may be touched."""

    files: tuple[DataFile, ...]
    removed: tuple[str, ...]
    partitions: tuple[Mapping[str, str | None], ...]


def plan_change(
    store: Store,
    table: TableName,
    snapshot: Snapshot | None,
    mode: Mode,
    files: Sequence[DataFile],
    *,
    schema: pa.Schema,
    keys: Sequence[str],
    column: str,
    values: Sequence[object],
    partitions: Sequence[Mapping[str, str | None]],
) -> Change:
    """What new files do to `snapshot` (None: the table is made); the options are those of `Lake.plan`."""
    if snapshot is not None and snapshot.is_foreign:
        raise foreign_table(table, snapshot.obstacle)
    rewrite = Rewrite((), ())
    replaced: tuple[Mapping[str, str | None], ...] = ()
    match mode:
        case "upsert":
            if snapshot is None:
                check_keys(store, table, schema, files, keys)
            else:
                rewrite = without_keys(store, snapshot, files, keys)
        case "delete":
            if snapshot is None:
                raise LakeError("lake.table_missing", f"table {table} does not exist", hint="")
            rewrite, files = without_keys(store, snapshot, files, keys), ()
        case "replace_rows":
            if not column:
                raise LakeError("lake.plan", f"replace_rows on {table} needs a column", hint="such as _source")
            if snapshot is not None:
                rewrite = without_values(store, snapshot, column, values)
        case "replace_partitions":
            replaced = (*partitions, *(file.partition_values for file in files))
            if snapshot is not None:
                rewrite = Rewrite((), _files_in(snapshot, replaced))
        case "create":
            if snapshot is not None:
                raise LakeError("lake.table_exists", f"table {table} exists already", hint="use another mode")
        case "replace" | "append":
            pass
        case "optimize":
            raise LakeError("lake.plan", "optimize is planned by Lake.optimize", hint="")
    return Change((*files, *rewrite.files), rewrite.removed, replaced)


def _files_in(snapshot: Snapshot, partitions: Sequence[Mapping[str, str | None]]) -> tuple[str, ...]:
    wanted = {key_of(values, snapshot.partition_by, snapshot.schema) for values in partitions}
    return tuple(
        file.path
        for file in snapshot.live
        if key_of(file.partition_values, snapshot.partition_by, snapshot.schema) in wanted
    )
