"""The commit path: at most once, never from an older version, never what does not fit."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from afluente.core.errors import CommitConflict, LakeError
from afluente.core.tables import DataFile
from afluente.lake import Commit, Lake, Snapshot

from lake_hand import SCHEMA, TABLE, Hand, file_of_another_program

ONE = {"id": 1, "uf": "SP", "valor": None}
TWO = {"id": 2, "uf": "RJ", "valor": None}


def test_the_same_transaction_commits_nothing_the_second_time(lake: Lake, hand: Hand) -> None:
    plan = hand.plan(None, "append", [ONE])
    first = lake.commit(plan)
    second = lake.commit(plan)
    assert (first.is_repeat, second.is_repeat) == (False, True)
    assert first.version == second.version == lake.snapshot(TABLE).version == 0
    assert hand.rows() == [ONE]


def test_a_repeat_names_the_version_that_its_first_attempt_made(lake: Lake, hand: Hand) -> None:
    hand.write("append", [ONE])
    plan = hand.plan(lake.find(TABLE), "append", [TWO])
    done = lake.commit(plan)
    Hand(lake, app_id="outro").write("append", [ONE])
    assert lake.commit(plan).version == done.version == 1


def test_a_replacement_planned_from_an_older_version_is_refused(lake: Lake, hand: Hand) -> None:
    hand.write("append", [ONE])
    stale = hand.plan(lake.find(TABLE), "replace", [TWO])
    Hand(lake, app_id="outro").write("append", [TWO])
    with pytest.raises(CommitConflict) as caught:
        lake.commit(stale)
    assert caught.value.retryable
    assert len(hand.rows()) == 2


def test_an_upsert_planned_before_a_compaction_is_refused_and_planned_again(lake: Lake, hand: Hand) -> None:
    hand.write("append", [ONE])
    hand.write("append", [TWO])
    plans: list[Commit] = []

    def planner(snapshot: Snapshot | None) -> Commit:
        plan = hand.plan(snapshot, "upsert", [{**ONE, "uf": "BA"}], keys=["id"], app_version=3)
        if not plans:
            lake.optimize(TABLE)
        plans.append(plan)
        return plan

    done = lake.write(TABLE, planner)
    assert done is not None
    assert len(plans) == 2
    assert hand.rows() == [{**ONE, "uf": "BA"}, TWO]


def test_a_blind_append_moves_to_the_newest_version(lake: Lake, hand: Hand) -> None:
    hand.write("append", [ONE])
    plan = hand.plan(lake.find(TABLE), "append", [TWO])
    Hand(lake, app_id="outro").write("append", [ONE])
    assert lake.commit(plan).version == 2
    assert len(hand.rows()) == 3


def test_creating_a_table_that_another_writer_created_is_a_conflict(lake: Lake, hand: Hand) -> None:
    plan = hand.plan(None, "create", [ONE])
    Hand(lake, app_id="outro").write("create", [TWO])
    with pytest.raises(CommitConflict):
        lake.commit(plan)
    assert hand.rows() == [TWO]


def test_conflicts_without_end_are_raised_after_the_attempts(lake: Lake, hand: Hand) -> None:
    hand.write("append", [ONE])
    first = lake.snapshot(TABLE)
    Hand(lake, app_id="outro").write("append", [ONE])
    with pytest.raises(CommitConflict):
        lake.write(TABLE, lambda _: hand.plan(first, "replace", [TWO]), attempts=2)


def test_nothing_to_do_commits_nothing(lake: Lake) -> None:
    assert lake.write(TABLE, lambda _: None) is None
    assert not lake.exists(TABLE)


def test_an_empty_replacement_empties_the_table_and_keeps_its_schema(lake: Lake, hand: Hand) -> None:
    hand.write("append", [ONE])
    hand.write("replace", [])
    assert hand.rows() == []
    assert lake.snapshot(TABLE).schema.equals(SCHEMA)


def test_an_empty_append_leaves_its_signature(lake: Lake, hand: Hand) -> None:
    hand.write("create", [], input_signature="a")
    hand.write("append", [], input_signature="b")
    assert lake.snapshot(TABLE).input_signature == "b"


def test_the_signature_outlives_a_compaction_and_other_writers(lake: Lake, hand: Hand) -> None:
    hand.write("append", [ONE], input_signature="abc", run_id="r1", details={"afluente.step": "silver.vendas"})
    hand.write("append", [TWO], input_signature="def")
    Hand(lake, app_id="outro").write("append", [ONE])
    lake.optimize(TABLE)
    assert lake.snapshot(TABLE).input_signature == "def"
    assert lake.snapshot(TABLE, 0).input_signature == "abc"
    oldest = lake.history(TABLE)[-1]
    assert (oldest.info["afluente.run"], oldest.info["afluente.step"]) == ("r1", "silver.vendas")


def test_a_replacement_may_change_the_schema(lake: Lake, hand: Hand) -> None:
    hand.write("append", [ONE])
    other = Hand(lake, schema=pa.schema([("id", pa.string()), ("nova", pa.date32())]))
    other.write("replace", [{"id": "x", "nova": None}])
    assert other.rows() == [{"id": "x", "nova": None}]
    assert hand.lake.snapshot(TABLE, 0).schema.equals(SCHEMA)


def test_partitions_that_are_not_replaced_stay(lake: Lake) -> None:
    hand = Hand(lake, partition_by=("uf", "id"))
    hand.write("append", [{"id": i, "uf": uf, "valor": None} for i in (1, 2) for uf in ("SP", "RJ")])
    hand.write("replace_partitions", [], partitions=[{"uf": "SP", "id": "1"}, {"uf": "RJ", "id": "2"}])
    assert [(row["id"], row["uf"]) for row in hand.rows()] == [(1, "RJ"), (2, "SP")]


def test_a_key_that_comes_twice_in_an_upsert_is_refused(lake: Lake, hand: Hand) -> None:
    for _ in range(2):
        with pytest.raises(LakeError) as caught:
            hand.write("upsert", [ONE, {**TWO, "id": 1}], keys=["id"])
        assert caught.value.code == "lake.keys_repeated"
        if not lake.exists(TABLE):
            hand.write("create", [TWO])


def refused(lake: Lake, plan: Commit) -> str:
    before = lake.find(plan.table)
    with pytest.raises(LakeError) as caught:
        lake.commit(plan)
    after = lake.find(plan.table)
    assert (before and before.version) == (after and after.version)
    assert not isinstance(caught.value, CommitConflict)
    return caught.value.code


def with_file(plan: Commit, **changes: object) -> Commit:
    return dataclasses.replace(plan, files=(dataclasses.replace(plan.files[0], **changes),))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"size_bytes": 1}, "lake.file_size"),
        ({"rows": 2, "stats": '{"numRecords": 2}'}, "lake.file_rows"),
        ({"rows": 2}, "lake.stats"),
        ({"stats": '{"numRecords": 1, "minValues": {"id": NaN}}'}, "lake.stats"),
        ({"stats": "nada"}, "lake.stats"),
        ({"path": "../fora.parquet"}, "lake.file_outside"),
        ({"path": "/fora.parquet"}, "lake.file_outside"),
        ({"path": "s3://balde/fora.parquet"}, "lake.file_outside"),
        ({"path": "_delta_log/x.parquet"}, "lake.file_outside"),
        ({"path": "ausente.parquet"}, "lake.file_missing"),
        ({"partition_values": {"uf": "SP"}}, "lake.partition_mismatch"),
    ],
)
def test_a_file_that_is_not_what_the_plan_says_is_refused(
    lake: Lake, hand: Hand, changes: dict[str, object], code: str
) -> None:
    assert refused(lake, with_file(hand.plan(None, "append", [ONE]), **changes)) == code


@pytest.mark.parametrize("text", ["nan", "NaN"])
def test_a_text_that_spells_nan_is_a_bound_like_any_other(lake: Lake, hand: Hand, text: str) -> None:
    plan = hand.plan(None, "append", [ONE])
    file = dataclasses.replace(
        plan.files[0], stats=json.dumps({"numRecords": 1, "minValues": {"uf": text}, "maxValues": {"uf": text}})
    )
    lake.commit(dataclasses.replace(plan, files=(file,)))
    assert lake.snapshot(TABLE).rows == 1


def test_a_file_cut_in_the_middle_is_refused(lake: Lake, hand: Hand) -> None:
    plan = hand.plan(None, "append", [ONE])
    path = Path(lake.address(TABLE)) / plan.files[0].path
    path.write_bytes(path.read_bytes()[:-20])
    assert refused(lake, with_file(plan, size_bytes=path.stat().st_size)) == "lake.file_unreadable"


def write_file(lake: Lake, table: pa.Table) -> DataFile:
    path = Path(lake.address(TABLE)) / "de-fora.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return file_of_another_program(lake, path.name)


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (pa.table({"id": [1], "uf": [2]}), "lake.schema_mismatch"),
        (pa.table({"id": pa.array([1], pa.int32())}), "lake.schema_mismatch"),
        (pa.table({"id": [1], "valor": pa.array([None], pa.decimal128(12, 2))}), "lake.schema_mismatch"),
        (pa.table({"id": [1], "sobra": ["x"]}), "lake.schema_mismatch"),
        (pa.table({"id": pa.array([1, None])}), "lake.null_in_required"),
        (pa.table({"uf": ["SP"]}), "lake.null_in_required"),
    ],
)
def test_a_file_of_other_types_is_refused(lake: Lake, hand: Hand, table: pa.Table, code: str) -> None:
    plan = dataclasses.replace(hand.plan(None, "append", []), files=(write_file(lake, table),))
    assert refused(lake, plan) == code


def test_a_file_without_statistics_has_its_nulls_counted(lake: Lake, hand: Hand) -> None:
    path = Path(lake.address(TABLE)) / "sem.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"id": pa.array([1, None])}), path, write_statistics=False)
    file = file_of_another_program(lake, path.name)
    assert refused(lake, dataclasses.replace(hand.plan(None, "append", []), files=(file,))) == "lake.null_in_required"


def test_a_file_that_lacks_a_nullable_column_reads_as_null(lake: Lake, hand: Hand) -> None:
    file = write_file(lake, pa.table({"id": [7]}))
    hand.write("append", [ONE])
    plan = dataclasses.replace(hand.plan(lake.find(TABLE), "append", []), files=(file,))
    lake.commit(plan)
    assert hand.rows() == [ONE, {"id": 7, "uf": None, "valor": None}]
    hand.write("upsert", [{"id": 1, "uf": "AC", "valor": None}], keys=["id", "uf"])
    lake.optimize(TABLE)
    assert len(hand.rows()) == 3


@pytest.mark.parametrize(
    "schema",
    [
        pa.schema([("id", pa.int64()), ("uf", pa.string()), ("valor", pa.decimal128(10, 2))]),
        pa.schema([pa.field("id", pa.int64(), nullable=False), ("uf", pa.string())]),
        SCHEMA.append(pa.field("nova", pa.string())),
        SCHEMA.set(1, pa.field("uf", pa.int32())),
    ],
)
def test_an_append_with_another_schema_is_refused(lake: Lake, hand: Hand, schema: pa.Schema) -> None:
    hand.write("append", [ONE])
    other = Hand(lake, schema=schema)
    plan = other.plan(lake.find(TABLE), "replace_rows", [], column="uf", values=[])
    assert refused(lake, plan) == "lake.schema_mismatch"


def test_the_same_file_is_not_committed_twice(lake: Lake, hand: Hand) -> None:
    first = hand.plan(None, "append", [ONE])
    lake.commit(first)
    again = dataclasses.replace(hand.plan(lake.find(TABLE), "append", []), files=first.files)
    assert refused(lake, again) == "lake.file_repeated"
    twice = dataclasses.replace(hand.plan(lake.find(TABLE), "append", [ONE]))
    assert refused(lake, dataclasses.replace(twice, files=twice.files * 2)) == "lake.file_repeated"


def test_a_file_outside_the_replaced_partitions_is_refused(lake: Lake) -> None:
    hand = Hand(lake, partition_by=("uf",))
    hand.write("append", [ONE])
    plan = hand.plan(lake.find(TABLE), "replace_partitions", [TWO])
    assert refused(lake, dataclasses.replace(plan, partitions=({"uf": "SP"},))) == "lake.partition_outside"


def test_a_file_in_the_folder_of_another_partition_is_refused(lake: Lake) -> None:
    hand = Hand(lake, partition_by=("uf",))
    plan = hand.plan(None, "append", [ONE])
    assert refused(lake, with_file(plan, partition_values={"uf": "RJ"})) == "lake.partition_mismatch"
    assert refused(lake, with_file(plan, partition_values={"uf": ""})) == "lake.partition_empty"


def test_an_empty_text_is_refused_as_a_partition(lake: Lake) -> None:
    with pytest.raises(LakeError) as caught:
        Hand(lake, partition_by=("uf",)).write("append", [{**ONE, "uf": ""}])
    assert caught.value.code == "lake.partition_empty"


def test_another_partitioning_is_refused(lake: Lake, hand: Hand) -> None:
    hand.write("append", [ONE])
    plan = Hand(lake, partition_by=("uf",)).plan(lake.find(TABLE), "replace", [ONE])
    assert refused(lake, plan) == "lake.partitioning_changed"


def test_removing_a_file_that_is_not_there_is_refused(lake: Lake, hand: Hand) -> None:
    hand.write("append", [ONE])
    plan = hand.plan(lake.find(TABLE), "replace_rows", [], column="uf", values=[])
    assert refused(lake, dataclasses.replace(plan, removed=("ausente.parquet",))) == "lake.plan"


def test_new_columns_are_added_once_and_a_changed_type_is_refused(lake: Lake, hand: Hand) -> None:
    hand.write("append", [ONE], input_signature="abc")
    wider = SCHEMA.append(pa.field("nova", pa.string()))
    snapshot = lake.widen(TABLE, wider)
    assert (snapshot.version, snapshot.input_signature) == (1, "abc")
    assert lake.widen(TABLE, wider).version == 1
    other = Hand(lake, schema=wider)
    other.write("append", [{**TWO, "nova": "sim"}])
    assert other.rows() == [{**ONE, "nova": None}, {**TWO, "nova": "sim"}]
    assert lake.changes(TABLE, 0).has_new_schema
    with pytest.raises(LakeError) as caught:
        lake.widen(TABLE, pa.schema([("uf", pa.int64())]))
    assert caught.value.code == "lake.schema_changed"


def test_the_log_never_limits_how_long_transactions_are_kept(lake: Lake, hand: Hand) -> None:
    hand.write("append", [ONE])
    text = (Path(lake.address(TABLE)) / "_delta_log" / f"{0:020d}.json").read_text()
    metadata = next(json.loads(line)["metaData"] for line in text.splitlines() if "metaData" in line)
    assert metadata["configuration"] == {}


def test_transactions_are_kept_through_a_checkpoint(lake: Lake, hand: Hand) -> None:
    from deltalake import DeltaTable

    first = hand.plan(None, "append", [ONE])
    lake.commit(first)
    other = Hand(lake, app_id="outro")
    other.write("append", [TWO])
    DeltaTable(lake.address(TABLE)).create_checkpoint()
    (Path(lake.address(TABLE)) / "_delta_log" / f"{0:020d}.json").unlink()
    assert lake.commit(first).is_repeat
    assert not lake.changes(TABLE, -1).is_append_only
    assert hand.rows() == [ONE, TWO]
