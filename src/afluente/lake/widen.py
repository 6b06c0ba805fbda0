"""New columns for a table that exists.

Invariant: only nullable columns are added, at the end, in a commit of their own that changes no row; a table that
has them already is left alone, so that an attempt can be repeated.
"""

from __future__ import annotations

import pyarrow as pa

from afluente.core.errors import CommitConflict, LakeError
from afluente.lake.failure import translated
from afluente.lake.handle import find, open_table
from afluente.lake.log import INPUT_KEY, MODE_KEY
from afluente.lake.schema import widened
from afluente.lake.snapshot import Snapshot, foreign_table
from afluente.lake.store import Store


def widen(store: Store, snapshot: Snapshot, schema: pa.Schema, *, attempts: int) -> Snapshot:
    """The table's snapshot once it has every column of `schema`."""
    for _ in range(attempts):
        if snapshot.is_foreign:
            raise foreign_table(snapshot.table, snapshot.obstacle)
        if widened(snapshot.schema, schema).equals(snapshot.schema):
            return snapshot
        _try_once(store, snapshot, widened(snapshot.schema, schema))
        newest = find(store, snapshot.table)
        if newest is None:
            raise LakeError("lake.table_missing", f"table {snapshot.table} is gone", hint="")
        snapshot = newest
    if widened(snapshot.schema, schema).equals(snapshot.schema):
        return snapshot
    raise CommitConflict(f"table {snapshot.table} moved {attempts} times while columns were added")


def _try_once(store: Store, snapshot: Snapshot, schema: pa.Schema) -> None:
    from deltalake import CommitProperties, Field
    from deltalake.exceptions import CommitFailedError

    handle = open_table(store, snapshot.table, snapshot.version)
    if handle is None:
        return
    fields = [Field.from_arrow(field) for field in schema if field.name not in snapshot.schema.names]
    metadata = {MODE_KEY: "widen"}
    if snapshot.input_signature:
        metadata[INPUT_KEY] = snapshot.input_signature
    with translated(f"adding columns to table {snapshot.table}"):
        try:
            handle.alter.add_columns(
                fields, commit_properties=CommitProperties(custom_metadata=metadata, max_commit_retries=0)
            )
        except CommitFailedError:
            return
