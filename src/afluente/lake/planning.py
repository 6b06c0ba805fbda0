"""From new files and a mode to a plan: what must be rewritten and what goes.

Invariant: planning reads the pinned snapshot only and writes only files that nobody knows yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from afluente.core.errors import LakeError
from afluente.core.tables import DataFile, TableName
from afluente.lake.partition import key_of
from afluente.lake.plan import Commit, Mode
from afluente.lake.rewrite import Rewrite, check_keys, without_keys, without_values
from afluente.lake.schema import canonical
from afluente.lake.snapshot import Snapshot, foreign_table
from afluente.lake.store import Store


def make_plan(
    store: Store,
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
    """A plan pinned to `snapshot` (None: the table is made).

    `keys` serve upsert, and delete, whose `files` hold the keys of the rows that go and are not part of the commit;
    `column` and `values` serve replace_rows; replace_partitions replaces the partitions of `files` and those named in
    `partitions`, which may become empty.
    """
    if snapshot is not None and snapshot.is_foreign:
        raise foreign_table(table, snapshot.obstacle)
    schema = canonical(schema)
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
    return Commit(
        table=table,
        mode=mode,
        files=(*files, *rewrite.files),
        schema=schema,
        app_id=app_id,
        app_version=app_version,
        base_version=None if snapshot is None else snapshot.version,
        partition_by=tuple(partition_by),
        removed=rewrite.removed,
        partitions=replaced,
        input_signature=input_signature,
        run_id=run_id,
        details=dict(details or {}),
        also=dict(also or {}),
        seen=dict(seen or {}),
    )


def _files_in(snapshot: Snapshot, partitions: Sequence[Mapping[str, str | None]]) -> tuple[str, ...]:
    wanted = {key_of(values, snapshot.partition_by, snapshot.schema) for values in partitions}
    return tuple(
        file.path
        for file in snapshot.live
        if key_of(file.partition_values, snapshot.partition_by, snapshot.schema) in wanted
    )
