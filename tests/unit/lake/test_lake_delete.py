"""Rows deleted by their keys: those alone, in one commit, and readers of changes are told."""

from __future__ import annotations

import pyarrow as pa
import pytest

from afluente.core.errors import CommitConflict, LakeError
from afluente.core.tables import TableName
from afluente.lake import Commit, Lake, Snapshot

TABLE = TableName("bronze", "linhas")
SCHEMA = pa.schema([("origem", pa.string()), ("linha", pa.int64()), ("valor", pa.string())])
KEYS = ("origem", "linha")
KEY_SCHEMA = pa.schema([SCHEMA.field(name) for name in KEYS])


def append(lake: Lake, source: str, rows: int, version: int) -> None:
    newest = lake.find(TABLE)
    batch = pa.record_batch(
        [[source] * rows, list(range(rows)), [f"{source}{row}" for row in range(rows)]], schema=SCHEMA
    )
    files = lake.write_batches(TABLE, SCHEMA, [batch])
    mode = "create" if newest is None else "append"
    lake.commit(lake.plan(TABLE, newest, mode, files, schema=SCHEMA, app_id="a", app_version=version))


def deletion(lake: Lake, snapshot: Snapshot | None, *gone: tuple[str, int]) -> Commit:
    batch = pa.record_batch([[source for source, _ in gone], [row for _, row in gone]], schema=KEY_SCHEMA)
    keys = lake.write_batches(TABLE, KEY_SCHEMA, [batch])
    try:
        return lake.plan(TABLE, snapshot, "delete", keys, schema=SCHEMA, app_id="d", app_version=1, keys=KEYS)
    finally:
        lake.discard(TABLE, keys)


def values(lake: Lake) -> list[str]:
    return sorted(lake.snapshot(TABLE).arrow().read_all().column("valor").to_pylist())


def test_the_rows_of_these_keys_go_and_no_other(lake: Lake) -> None:
    for version, source in enumerate("xyz", 1):
        append(lake, source, 2, version)
    before = lake.snapshot(TABLE)
    lake.commit(deletion(lake, before, ("x", 0), ("y", 0), ("y", 1), ("z", 7)))
    assert values(lake) == ["x1", "z0", "z1"]
    after = lake.snapshot(TABLE)
    assert len(set(before.files) & set(after.files)) == 1
    assert not lake.changes(TABLE, before.version).is_append_only


def test_a_table_that_moved_since_is_a_conflict(lake: Lake) -> None:
    append(lake, "x", 2, 1)
    plan = deletion(lake, lake.snapshot(TABLE), ("x", 0))
    append(lake, "y", 1, 2)
    with pytest.raises(CommitConflict):
        lake.commit(plan)
    assert values(lake) == ["x0", "x1", "y0"]


def test_there_is_nothing_to_delete_from_a_table_that_is_not_there(lake: Lake) -> None:
    with pytest.raises(LakeError) as caught:
        deletion(lake, None, ("x", 0))
    assert caught.value.code == "lake.table_missing"
