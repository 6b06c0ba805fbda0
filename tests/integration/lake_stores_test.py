"""The same behaviour on a local folder and on an object store (S3, served by moto on loopback)."""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from tests.s3_server import BUCKET, s3_server

from afluente.core.errors import CommitConflict, LakeError
from afluente.core.tables import TableName
from afluente.lake import Commit, Committed, Lake, Snapshot

TABLE = TableName("silver", "vendas")
SCHEMA = pa.schema([("id", pa.int64()), ("uf", pa.string()), ("valor", pa.decimal128(10, 2))])
ONE = {"id": 1, "uf": "São Paulo", "valor": Decimal("1.50")}
TWO = {"id": 2, "uf": None, "valor": None}
THREE = {"id": 3, "uf": "a/b c=d%20", "valor": None}


@pytest.fixture(scope="module")
def s3_options() -> Iterator[dict[str, str]]:
    with s3_server() as options:
        os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
        yield options


@pytest.fixture(params=["local", "s3"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    if request.param == "local":
        return Lake(str(tmp_path / "lago"), project_name="teste")
    options = request.getfixturevalue("s3_options")
    return Lake(f"s3://{BUCKET}/{uuid.uuid4()}", options, "teste")


def plan(
    lake: Lake, snapshot: Snapshot | None, mode: str, rows: list[dict[str, object]], app: str, **options: object
) -> Commit:
    files = lake.write_batches(TABLE, SCHEMA, [pa.RecordBatch.from_pylist(rows, SCHEMA)], ["uf"])
    version = 1 if snapshot is None else snapshot.transaction_version(app) + 1
    return lake.plan(
        TABLE,
        snapshot,
        mode,
        files,
        schema=SCHEMA,
        app_id=app,
        app_version=version,
        partition_by=["uf"],
        **options,
    )


def write(lake: Lake, mode: str, rows: list[dict[str, object]], app: str = "passo", **options: object) -> Committed:
    return lake.commit(plan(lake, lake.find(TABLE), mode, rows, app, **options))


def read(lake: Lake, version: int | None = None) -> list[tuple[int, str | None]]:
    """Id and partition of every row, read by DuckDB from the files that the snapshot names."""
    snapshot = lake.snapshot(TABLE, version)
    if not snapshot.files:
        return []
    connection = duckdb.connect()
    if (filesystem := lake.filesystem()) is not None:
        connection.register_filesystem(filesystem)
    found = connection.execute(
        "SELECT id, uf FROM read_parquet($1, hive_partitioning = true, hive_types_autocast = false) ORDER BY id",
        [list(snapshot.files)],
    ).fetchall()
    assert len(found) == snapshot.rows
    return found


def test_every_mode_on_partitions_with_spaces_accents_and_null(lake: Lake) -> None:
    assert lake.tables() == []
    assert not lake.exists(TABLE)
    write(lake, "append", [ONE, TWO], input_signature="abc")
    write(lake, "append", [THREE])
    assert read(lake) == [(1, "São Paulo"), (2, None), (3, "a/b c=d%20")]
    write(lake, "upsert", [{**TWO, "uf": "RJ"}, {**ONE, "id": 4}], keys=["id"])
    assert read(lake) == [(1, "São Paulo"), (2, "RJ"), (3, "a/b c=d%20"), (4, "São Paulo")]
    write(lake, "replace_rows", [], column="uf", values=["São Paulo"])
    assert read(lake) == [(2, "RJ"), (3, "a/b c=d%20")]
    write(lake, "replace_partitions", [{**THREE, "id": 5}], partitions=[{"uf": "RJ"}])
    assert read(lake) == [(5, "a/b c=d%20")]
    write(lake, "replace", [TWO])
    assert read(lake) == [(2, None)]
    assert read(lake, 0) == [(1, "São Paulo"), (2, None)]
    assert lake.tables() == [TABLE]
    snapshot = lake.snapshot(TABLE)
    assert snapshot.input_signature == "abc"
    assert (datetime.now(UTC) - snapshot.committed_at).total_seconds() < 3600
    assert [entry.info["afluente.mode"] for entry in lake.history(TABLE)][:2] == ["replace", "replace_partitions"]


def test_compaction_changes_and_vacuum(lake: Lake) -> None:
    for number in range(3):
        write(lake, "append", [{**ONE, "id": number}, {**TWO, "id": 10 + number}])
    done = lake.optimize(TABLE)
    assert (done.files_before, done.files_after) == (6, 2)
    assert [row[0] for row in read(lake)] == [0, 1, 2, 10, 11, 12]
    assert lake.changes(TABLE, 1).rows == 2
    assert lake.changes(TABLE, 2).is_empty
    plan(lake, lake.find(TABLE), "append", [ONE], "morto")
    assert len(lake.vacuum(TABLE, 0, full=True, dry_run=False).files) == 6
    assert len(read(lake)) == 6
    assert not lake.changes(TABLE, 1).is_append_only


def test_a_transaction_is_committed_once_and_a_stale_plan_refused(lake: Lake) -> None:
    first = plan(lake, None, "create", [ONE], "passo")
    rival = plan(lake, None, "create", [TWO], "outro")
    lake.commit(first)
    assert lake.commit(first).is_repeat
    with pytest.raises(CommitConflict):
        lake.commit(rival)
    stale = plan(lake, lake.find(TABLE), "upsert", [{**ONE, "uf": "RJ"}], "passo", keys=["id"])
    write(lake, "append", [TWO], "outro")
    with pytest.raises(CommitConflict):
        lake.commit(stale)
    assert read(lake) == [(1, "São Paulo"), (2, None)]


@pytest.mark.parametrize("name", ["vendas de março.csv", "vendas.csv.gz"])
def test_landing_keeps_files_whole(lake: Lake, name: str) -> None:
    content = os.urandom(2 << 20)
    landed = lake.landing.put("pedidos", name, io.BytesIO(content))
    assert lake.landing.put("pedidos", name, [content]) == landed
    with lake.landing.open(landed) as file:
        assert file.read() == content
    assert lake.landing.files("pedidos") == [landed]
    assert lake.landing.exists(landed)


def test_a_table_that_is_missing_is_said(lake: Lake) -> None:
    with pytest.raises(LakeError) as caught:
        lake.snapshot(TABLE)
    assert caught.value.code == "lake.table_missing"


def test_columns_are_added(lake: Lake) -> None:
    write(lake, "append", [ONE])
    assert lake.widen(TABLE, pa.schema([("nova", pa.int32())])).schema.names == ["id", "uf", "valor", "nova"]


def test_a_store_that_does_not_answer_may_be_tried_again(s3_options: dict[str, str]) -> None:
    lake = Lake(f"s3://{BUCKET}/x", {**s3_options, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "max_retries": "0"}, "t")
    with pytest.raises(LakeError) as caught:
        lake.find(TABLE)
    assert (caught.value.code, caught.value.retryable) == ("lake.unreachable", True)


def test_a_bucket_that_is_missing_is_said(s3_options: dict[str, str]) -> None:
    lake = Lake("s3://nada/x", s3_options, "t")
    with pytest.raises(LakeError) as caught:
        write(lake, "append", [ONE])
    assert caught.value.hint


def test_a_bucket_that_does_not_exist_is_told_in_a_line_and_not_tried_again(s3_options: dict[str, str]) -> None:
    lake = Lake("s3://nenhum-balde/vendas", s3_options, "teste")
    with pytest.raises(LakeError) as caught:
        lake.find(TABLE)
    assert caught.value.code == "lake.bucket_missing"
    assert not caught.value.retryable
    assert "<" not in caught.value.message
