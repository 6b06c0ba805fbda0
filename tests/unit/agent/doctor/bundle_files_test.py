"""The list of a bundle's files, as packaging writes it, and the doctor that finds by it what an antivirus took away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from afluente_agent.bundle_files import NAME, bundle_files
from afluente_agent.doctor.checks import antivirus
from afluente_agent.doctor.finding import Finding
from tests.fleet_world.doctor_world import probes, situation

ROOT = Path(__file__).parents[4]
BUNDLER = '''
"""Stands in for PyInstaller: a folder with a program and a library, where the command line says."""
import pathlib, sys
given = sys.argv[1:]
folder = pathlib.Path(given[given.index("--distpath") + 1], given[given.index("--name") + 1])
library = folder / "_internal" / "lib with space.so"
library.parent.mkdir(parents=True)
library.write_bytes(b"library")
program = folder / "afluente-agent"
program.write_text("#!/bin/sh\\necho 1.0.0\\n")
program.chmod(0o755)
'''


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the packaging script makes, with its bundler replaced by one that takes no minutes."""
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "tools").mkdir()
    (folder / "tools" / "PyInstaller.py").write_text(BUNDLER, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(folder / "tools")}
    script = ROOT / "agent" / "build" / "onedir.py"
    subprocess.run(
        [sys.executable, script, "--into", folder / "made"], check=True, env=environment, capture_output=True
    )
    return folder / "made" / "afluente-agent"


def looked(bundle: Path, tmp_path: Path) -> list[Finding]:
    return antivirus.check(situation(tmp_path, probes(own_files=bundle_files(bundle))))


def copied(packaged: Path, tmp_path: Path) -> Path:
    target = tmp_path / "bundle"
    subprocess.run(["cp", "-r", packaged, target], check=True)
    return target


def test_packaging_lists_every_file_of_the_folder_and_the_list_itself(packaged: Path) -> None:
    there = {path.relative_to(packaged).as_posix() for path in packaged.rglob("*") if path.is_file()}
    assert set((packaged / NAME).read_text(encoding="utf-8").splitlines()) == there
    assert {"afluente-agent", "_internal/lib with space.so", "build.json", "files.txt"} == there
    assert json.loads((packaged / "build.json").read_text(encoding="utf-8"))["program"] == "afluente-agent"


def test_a_whole_bundle_has_nothing_to_tell(packaged: Path, tmp_path: Path) -> None:
    assert [one.code for one in looked(packaged, tmp_path)] == ["ok.antivirus"]


@pytest.mark.parametrize("name", ["_internal/lib with space.so", "afluente-agent", NAME])
def test_a_file_that_was_taken_away_is_found_and_named(packaged: Path, tmp_path: Path, name: str) -> None:
    bundle = copied(packaged, tmp_path)
    (bundle / name).unlink()
    [found] = looked(bundle, tmp_path)
    assert (found.code, found.state) == ("av.file_removed", "fail")
    assert found.evidence["file"] == Path(name).name
    assert found.evidence["files"] == "1"


def test_a_list_that_cannot_be_read_is_itself_the_file_that_is_gone(packaged: Path, tmp_path: Path) -> None:
    bundle = copied(packaged, tmp_path)
    (bundle / NAME).unlink()
    (bundle / NAME).mkdir()
    assert [one.evidence["file"] for one in looked(bundle, tmp_path)] == [NAME]
