"""Many transactions in one commit, and all of a table's transactions read at once."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from afluente.core.errors import CommitConflict
from afluente.core.tables import TableName
from afluente.lake import Commit, Lake

TABLE = TableName("bronze", "listas")
SCHEMA = pa.schema([("n", pa.int64())])


def planned(lake: Lake, versions: dict[str, int], number: int) -> Commit:
    """A commit of one row that makes these transactions, planned on the newest version."""
    newest = lake.find(TABLE)
    first, *others = versions
    files = lake.write_batches(TABLE, SCHEMA, [pa.record_batch([[number]], schema=SCHEMA)])
    seen = {} if newest is None else lake.transaction_versions(newest, versions)
    return lake.plan(
        TABLE,
        newest,
        "create" if newest is None else "append",
        files,
        schema=SCHEMA,
        app_id=first,
        app_version=versions[first],
        also={name: versions[name] for name in others},
        seen=seen,
    )


def numbers(lake: Lake) -> list[int]:
    return sorted(lake.snapshot(TABLE).arrow().read_all().column("n").to_pylist())


def test_every_transaction_of_a_commit_stands_in_the_log(lake: Lake) -> None:
    lake.commit(planned(lake, {"a": 1}, 0))
    lake.commit(planned(lake, {"a": 2, "b": 7, "c": 3}, 1))
    snapshot = lake.snapshot(TABLE)
    assert lake.transaction_versions(snapshot, ["a", "b", "c", "d"]) == {"a": 2, "b": 7, "c": 3, "d": 0}
    assert [snapshot.transaction_version(name) for name in ("a", "b", "c", "d")] == [2, 7, 3, 0]


def test_a_commit_whose_transactions_all_stand_is_a_repeat(lake: Lake) -> None:
    lake.commit(planned(lake, {"a": 1}, 0))
    plan = planned(lake, {"a": 2, "b": 2}, 1)
    lake.commit(plan)
    lake.commit(planned(lake, {"b": 3}, 2))
    assert lake.commit(plan).is_repeat
    assert numbers(lake) == [0, 1, 2]


@pytest.mark.parametrize("moved", ["a", "b"])
def test_a_commit_of_which_a_part_stands_is_a_conflict(lake: Lake, moved: str) -> None:
    lake.commit(planned(lake, {"a": 1, "b": 1}, 0))
    plan = planned(lake, {"a": 3, "b": 3}, 1)
    lake.commit(planned(lake, {moved: 2}, 2))
    with pytest.raises(CommitConflict):
        lake.commit(plan)
    assert numbers(lake) == [0, 2]


def test_transactions_are_read_through_a_checkpoint(lake: Lake) -> None:
    lake.commit(planned(lake, {"a": 1, "b": 1}, 0))
    for number in range(1, 4):
        lake.commit(planned(lake, {f"s{number}": number, "b": 1 + number}, number))
    address = lake.snapshot(TABLE).address
    DeltaTable(address).create_checkpoint()
    for number in range(4, 6):
        lake.commit(planned(lake, {f"s{number}": number, "b": 1 + number}, number))
    for old in sorted(Path(address, "_delta_log").glob("*.json"))[:3]:
        old.unlink()
    expected = {"a": 1, "b": 6, **{f"s{number}": number for number in range(1, 6)}}
    assert lake.transaction_versions(lake.snapshot(TABLE), expected) == expected
