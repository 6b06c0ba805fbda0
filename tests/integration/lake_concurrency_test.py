"""Several processes on one table: nothing lost, nothing twice, whatever they do and whenever they die."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.s3_server import BUCKET, s3_server

from afluente.core.tables import TableName
from afluente.lake import Lake

WORKER = Path(__file__).with_name("lake_worker.py")
TABLE = TableName("bronze", "linhas")
WRITERS = 4


def start(
    root: str, options: dict[str, str], mode: str, writer: int, commits: int, die: str = ""
) -> subprocess.Popen[bytes]:
    arguments = {
        "root": root,
        "options": options,
        "mode": mode,
        "writer": writer,
        "commits": commits,
        "die": die,
    }
    return subprocess.Popen([sys.executable, str(WORKER), json.dumps(arguments)])


def run_all(root: str, options: dict[str, str], mode: str, commits: int) -> None:
    workers = [start(root, options, mode, writer, commits) for writer in range(WRITERS)]
    assert [worker.wait(timeout=300) for worker in workers] == [0] * WRITERS


def rows(root: str, options: dict[str, str]) -> list[tuple[int, int]]:
    found = Lake(root, options, "teste").snapshot(TABLE).arrow().read_all().to_pylist()
    return sorted((row["writer"], row["number"]) for row in found)


@pytest.mark.parametrize("mode", ["append", "upsert"])
def test_no_commit_of_four_processes_is_lost_or_doubled(tmp_path: Path, mode: str) -> None:
    run_all(str(tmp_path), {}, mode, 4)
    assert rows(str(tmp_path), {}) == [(writer, number) for writer in range(WRITERS) for number in range(1, 5)]


def test_replacements_of_four_processes_see_one_another(tmp_path: Path) -> None:
    run_all(str(tmp_path), {}, "counter", 3)
    assert rows(str(tmp_path), {}) == [(0, WRITERS * 3)]


def test_four_processes_that_run_again_commit_nothing(tmp_path: Path) -> None:
    run_all(str(tmp_path), {}, "append", 2)
    version = Lake(str(tmp_path)).snapshot(TABLE).version
    run_all(str(tmp_path), {}, "append", 2)
    assert Lake(str(tmp_path)).snapshot(TABLE).version == version
    assert len(rows(str(tmp_path), {})) == WRITERS * 2


@pytest.mark.parametrize("is_first", [True, False])
def test_a_process_killed_between_its_files_and_its_commit_changes_nothing(
    tmp_path: Path,
    is_first: bool,  # noqa: FBT001
) -> None:
    root = str(tmp_path)
    expected = []
    if not is_first:
        assert start(root, {}, "append", 7, 1).wait(timeout=120) == 0
        expected = [(7, 1)]
    assert start(root, {}, "upsert", 1, 1, "before").wait(timeout=120) == -signal.SIGKILL
    lake = Lake(root, project_name="teste")
    assert lake.exists(TABLE) == (not is_first)
    if not is_first:
        assert rows(root, {}) == expected
    assert start(root, {}, "upsert", 1, 1).wait(timeout=120) == 0
    assert rows(root, {}) == sorted([*expected, (1, 1)])
    assert lake.vacuum(TABLE, full=True).files == ()


def test_a_process_killed_right_after_its_commit_does_not_repeat_it(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert start(root, {}, "append", 1, 1, "after").wait(timeout=120) == -signal.SIGKILL
    assert start(root, {}, "append", 1, 1).wait(timeout=120) == 0
    assert rows(root, {}) == [(1, 1)]


@pytest.fixture
def s3() -> Iterator[tuple[str, dict[str, str]]]:
    with s3_server() as options:
        yield f"s3://{BUCKET}/{uuid.uuid4()}", options


def test_no_replacement_on_an_object_store_is_lost_or_doubled(s3: tuple[str, dict[str, str]]) -> None:
    root, options = s3
    run_all(root, options, "counter", 2)
    assert rows(root, options) == [(0, WRITERS * 2)]
