from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from release_project import ToldGates
from tests.until import until

from afluente.products.release.build import build_release
from afluente.products.release.verify import verify_release
from afluente.runs.steps.workspace import Workspace
from afluente.state import releases

WORKER = Path(__file__).with_name("release_worker.py")


def started(root: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, str(WORKER), str(root), *words], stdout=subprocess.PIPE, text=True)


def killed(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def standing(workspace: Workspace) -> list[tuple[int, str]]:
    with workspace.state.read() as connection:
        return [(one.number, one.status) for one in releases.of_product(connection)]


def is_clean(workspace: Workspace) -> bool:
    """One folder for each release, one ledger folder for each release, nothing half made."""
    root = workspace.project.root
    with workspace.state.read() as connection:
        rows = releases.of_product(connection)
    folders = sorted(path.name for path in (root / "releases" / "vendas").iterdir())
    ledger = sorted(path.name for path in (root / ".afluente" / "ledger" / "marca").iterdir())
    return folders == sorted(f"{row.number:06d}" for row in rows) and ledger == sorted(row.id for row in rows)


def test_killed_before_the_commit_nothing_was_released_and_the_number_is_free(
    opened: Callable[..., Workspace],
) -> None:
    workspace = opened()
    root = workspace.project.root
    with workspace.state.read():
        pass
    blocker = sqlite3.connect(root / ".afluente" / "state.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    process = started(root)
    until((root / "releases" / "vendas" / "000001").is_dir, "the release's folder", by=process)
    killed(process)
    blocker.execute("ROLLBACK")
    blocker.close()
    assert standing(workspace) == []
    product = workspace.project.products[0]
    outcome = build_release(workspace, product, actor="ana", gates=ToldGates().gates())
    assert outcome.release is not None
    assert standing(workspace) == [(1, "released")]
    assert verify_release(workspace, outcome.release).is_whole
    assert is_clean(workspace)


def test_killed_while_files_are_written_nothing_is_seen(opened: Callable[..., Workspace]) -> None:
    workspace = opened()
    root = workspace.project.root
    process = started(root, "/.building/files/")
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert list((root / "releases" / "vendas" / ".building" / "files").iterdir())
    assert standing(workspace) == []
    product = workspace.project.products[0]
    outcome = build_release(workspace, product, actor="ana", gates=ToldGates().gates())
    assert standing(workspace) == [(1, "released")]
    assert outcome.release is not None
    assert verify_release(workspace, outcome.release).is_whole
    assert is_clean(workspace)


def test_processes_that_build_at_once_make_one_release(opened: Callable[..., Workspace]) -> None:
    workspace = opened()
    with workspace.state.read():
        pass
    processes = [started(workspace.project.root) for _ in range(3)]
    said = sorted(process.communicate()[0].strip() for process in processes)
    assert said == ["released 1", "unchanged 1", "unchanged 1"]
    assert standing(workspace) == [(1, "released")]
    assert is_clean(workspace)
