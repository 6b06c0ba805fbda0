"""What goes wrong around the lake is told with a code and a hint."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from afluente.core.errors import LakeError
from afluente.lake import Lake
from afluente.lake.failure import describe, translated
from afluente.lake.location import Location

WRITE = """
import os, resource, signal, sys
root, limit, user = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
import pyarrow as pa, pyarrow.parquet, pyarrow.fs, deltalake, numpy
from afluente.core.tables import TableName
from afluente.lake import Lake
from afluente.core.errors import LakeError
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
if user:
    os.setgid(user)
    os.setuid(user)
lake, table = Lake(root, project_name="t"), TableName("silver", "x")
schema = pa.schema([("a", pa.string())])
def attempt(action):
    try:
        action()
        print("ok")
    except LakeError as error:
        print(error.code, "|", error.hint)
def write():
    batch = pa.RecordBatch.from_pydict({"a": [os.urandom(64).hex() for _ in range(5000)]})
    snapshot = lake.find(table)
    version = snapshot.transaction_version("t") + 1 if snapshot else 1
    files = lake.write_batches(table, schema, [batch])
    lake.commit(lake.plan(table, snapshot, "append", files, schema=schema, app_id="t", app_version=version))
attempt(write)
attempt(lambda: lake.landing.put("fonte", "a.bin", [os.urandom(200_000)]))
print(lake.snapshot(table).rows if lake.find(table) else "no table")
"""


def run(root: Path, *, limit: int = 0, user: int = 0) -> list[str]:
    arguments = [sys.executable, "-c", WRITE, str(root), str(limit), str(user)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.splitlines()


def test_a_full_disk_is_said_and_the_table_stays(tmp_path: Path) -> None:
    assert run(tmp_path / "lago") == ["ok", "ok", "5000"]
    lines = run(tmp_path / "lago", limit=100_000)
    assert [line.split(" |")[0] for line in lines] == ["lake.disk_full", "lake.disk_full", "5000"]
    assert run(tmp_path / "lago") == ["ok", "ok", "10000"]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter; tmp_path is closed to them, and root may write everywhere."""
    folder = Path(tempfile.mkdtemp(prefix="lago-"))
    folder.chmod(0o755)
    yield folder
    for inside, _, _ in os.walk(folder):
        Path(inside).chmod(0o755)
    shutil.rmtree(folder)


def test_a_folder_that_cannot_be_written_is_said_and_the_table_stays(open_folder: Path) -> None:
    root = open_folder / "lago"
    assert run(root)[0] == "ok"
    for folder, _, files in os.walk(root):
        for name in files:
            Path(folder, name).chmod(0o444)
        Path(folder).chmod(0o555)
    lines = run(root, user=65534 if os.getuid() == 0 else 0)
    assert [line.split(" |")[0] for line in lines] == ["lake.read_only", "lake.read_only", "5000"]
    assert all(line.split("| ")[1] for line in lines[:2])


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (OSError(28, "No space left on device"), "lake.disk_full", False),
        (OSError(30, "Read-only file system"), "lake.read_only", False),
        (PermissionError(13, "denied"), "lake.read_only", False),
        (OSError("Generic S3 error: Server returned 403 Forbidden: InvalidAccessKeyId"), "lake.credentials", False),
        (OSError("Generic S3 error: error sending request"), "lake.unreachable", True),
        (ConnectionRefusedError(111, "refused"), "lake.unreachable", True),
        (FileNotFoundError(2, "nada"), "lake.file_missing", False),
        (OSError("outra coisa"), "lake.failed", False),
    ],
)
def test_a_failure_has_its_code(error: OSError, code: str, retryable: bool) -> None:  # noqa: FBT001
    described = describe(error, "writing")
    assert (described.code, described.retryable) == (code, retryable)
    assert described.message.startswith("writing")
    assert pickle.loads(pickle.dumps(described)).code == code  # noqa: S301


def test_mistakes_of_our_own_are_not_disguised() -> None:
    with pytest.raises(ZeroDivisionError), translated("counting"):
        1 / 0  # noqa: B018


@pytest.mark.parametrize("root", ["lago", "./lago", "", "s3://", "http://x/y", "s4://b"])
def test_a_root_that_cannot_be_a_lake_is_refused(root: str) -> None:
    with pytest.raises(LakeError) as caught:
        Lake(root)
    assert caught.value.code == "lake.location"


def test_addresses_and_keys() -> None:
    assert Location.parse("/a/b/../c/").root == "/a/c"
    assert Location.parse("file:///a/c").is_local
    store = Location.parse("s3://balde/pasta/")
    assert (store.root, store.key("s3://balde/pasta/x y")) == ("s3://balde/pasta", "balde/pasta/x y")
    azure = Location.parse("abfss://caixa@conta.dfs.core.windows.net/p")
    assert azure.key(azure.root + "/silver/x") == "caixa/p/silver/x"


def test_importing_the_lake_loads_neither_delta_nor_duckdb() -> None:
    program = (
        "import sys, afluente.lake; print([m for m in ('deltalake', 'duckdb', 'fsspec', 's3fs') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
