"""A command that is killed leaves nothing in the system's temporary folder, and the next one clears the project's."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.cli_project import make_project as make_shop
from tests.e2e.cli_project import write_orders
from tests.e2e.grown import COMMAND, afluente, make_project, tables

WAIT_SECONDS = 120
ATTEMPTS = 8


@pytest.fixture
def temporary(tmp_path: Path) -> tuple[Path, Mapping[str, str]]:
    """A system's temporary folder of the test's own, and the environment that names it."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder, {"TMPDIR": str(folder)}


def entries(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def is_killed_when(folder: Path, pattern: str, environment: Mapping[str, str], *words: str) -> bool:
    """Start the command and kill it while something of this name is in the project; False when it was quicker."""
    process = subprocess.Popen(
        [COMMAND, "-C", str(folder), *words],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    give_up = time.monotonic() + WAIT_SECONDS
    try:
        while process.poll() is None and not any(folder.glob(pattern)):
            assert time.monotonic() < give_up, f"{pattern} never came"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return process.returncode == -signal.SIGKILL and any(folder.glob(pattern))


@pytest.mark.parametrize("pattern", [".afluente/spill/*/simulator-*/*", ".afluente/spill/*/lake-*"])
def test_what_a_killed_run_left_is_in_the_project_and_goes_at_the_next(
    pattern: str, tmp_path: Path, temporary: tuple[Path, Mapping[str, str]]
) -> None:
    folder, environment = temporary
    if "simulator" in pattern:
        project = make_project("ouchhungry", tmp_path / "projeto", rows=20_000)
    else:
        project = make_shop(tmp_path / "projeto", write="upsert")
        assert afluente(project, "run", env=environment).returncode == 0
    for attempt in range(1, ATTEMPTS + 1):
        if "simulator" not in pattern:
            write_orders(project, range(5, 5000 + attempt))
        if is_killed_when(project, pattern, environment, "run"):
            break
        assert attempt < ATTEMPTS, f"{pattern} was never seen"
    assert entries(folder) == []
    assert any((project / ".afluente" / "spill").iterdir())
    ended = afluente(project, "run", env=environment)
    assert ended.returncode == 0, ended.stderr
    assert entries(folder) == []
    assert list((project / ".afluente" / "spill").iterdir()) == []
    assert tables(str(project / "lake"))
