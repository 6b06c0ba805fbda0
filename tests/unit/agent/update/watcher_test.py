"""The watcher with real processes: damage on the disk, programs that cannot start, a version that never ends well."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from afluente_agent.protocol import fact_codes
from afluente_agent.update.folder import UpdateFolder
from afluente_agent.update.health import EXIT_ALREADY_RUNNING, EXIT_FOR_UPDATE
from afluente_agent.update.install import install
from afluente_agent.update.package import MANIFEST, build
from afluente_agent.update.pointer import PointerFile, confirmed, switched
from afluente_agent.update.trial import TrialRule
from afluente_agent.update.watcher import Pace, Watcher
from tests.unit.agent.update.update_world import write_version

WAIT = "import sys; sys.stdin.read()"
PATIENCE_SECONDS = 120


class Watched:
    def __init__(self, root: Path, *, reach_hub_seconds: float = 300, pace: Pace = Pace(0.05, 5, 0.05, 0.1)) -> None:
        self.folder = UpdateFolder(root / "agent")
        self.folder.root.mkdir()
        self.root = root
        self.file = PointerFile(self.folder)
        self.facts: list[tuple[str, dict[str, str]]] = []
        self.watcher = Watcher(
            self.folder,
            installed=[sys.executable, "-c", f"open('installed', 'w').close(); {WAIT}"],
            installed_version="1.0.0",
            arguments=[],
            leave=lambda code, **evidence: self.facts.append((code, {k: str(v) for k, v in evidence.items()})),
            rule=TrialRule(reach_hub_seconds=reach_hub_seconds, settle_seconds=0.1, hang_seconds=300, most_exits=2),
            pace=pace,
        )

    def put(self, version: str, program: str, **options: object) -> None:
        source = write_version(self.root, version, program=program)
        options = {"start": "toy_agent", **options}
        build(source, self.root / f"{version}.zip", version=version, **options)
        install(self.root / f"{version}.zip", self.folder.versions, version=version)
        self.file.change(lambda pointer: switched(pointer, version, offer=1))

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self.watcher.run)
        thread.start()
        try:
            yield
        finally:
            self.watcher.stop()
            thread.join()

    def until(self, come: Callable[[], bool]) -> None:
        ends = time.monotonic() + PATIENCE_SECONDS
        while not come():
            assert time.monotonic() < ends, (self.facts, self.file.load())
            time.sleep(0.05)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def goes_back(watched: Watched, reason: str, to: str = "1.0.0") -> None:
    with watched.running():
        watched.until(lambda: any(code == fact_codes.UPDATE_ROLLED_BACK for code, _ in watched.facts))
        watched.until(lambda: (watched.folder.root / "installed").exists() or to != "1.0.0")
    [told] = [evidence for code, evidence in watched.facts if code == fact_codes.UPDATE_ROLLED_BACK]
    assert told == {"version": "1.1.0", "reason": reason, "to": to}
    assert watched.file.load().is_bad("1.1.0")


@pytest.mark.parametrize("status", [0, 1, EXIT_FOR_UPDATE])
def test_a_version_that_ends_whatever_it_says_is_a_crash(watched: Watched, status: int) -> None:
    watched.put("1.1.0", f"raise SystemExit({status})")
    goes_back(watched, "crash")


def test_a_version_that_says_another_one_runs_does_not_go_on_for_ever(tmp_path: Path) -> None:
    watched = Watched(tmp_path, reach_hub_seconds=3)
    watched.put("1.1.0", f"raise SystemExit({EXIT_ALREADY_RUNNING})")
    goes_back(watched, "no_hub")


def test_a_version_with_a_changed_file_is_never_started(watched: Watched) -> None:
    watched.put("1.1.0", "print('x')")
    (watched.folder.version("1.1.0") / "toy_agent" / "__main__.py").write_text("open('evil', 'w')")
    goes_back(watched, "damaged")
    assert not (watched.folder.root / "evil").exists()


def test_a_version_whose_files_are_held_for_a_moment_is_not_given_up(tmp_path: Path) -> None:
    watched = Watched(tmp_path, pace=Pace(0.05, 5, 2, 60))
    watched.put("1.1.0", f"open('begun', 'w').close(); {WAIT}")
    manifest = watched.folder.version("1.1.0") / MANIFEST
    aside = manifest.rename(watched.root / "aside")
    manifest.mkdir()
    with watched.running():
        watched.until(lambda: watched.file.load().installed == "1.0.0")
        time.sleep(1)
        manifest.rmdir()
        aside.rename(manifest)
        watched.until((watched.folder.root / "begun").exists)
    assert watched.facts == []
    assert watched.file.load().current == "1.1.0"


def test_a_version_whose_files_stay_unreadable_gives_way(watched: Watched) -> None:
    watched.put("1.1.0", WAIT)
    manifest = watched.folder.version("1.1.0") / MANIFEST
    manifest.unlink()
    manifest.mkdir()
    goes_back(watched, "damaged")


def test_a_healthy_version_that_is_damaged_later_gives_way_too(watched: Watched) -> None:
    watched.put("1.1.0", WAIT)
    watched.file.change(lambda pointer: confirmed(pointer, "1.1.0"))
    (watched.folder.version("1.1.0") / "toy_agent" / "__init__.py").unlink()
    goes_back(watched, "damaged")


@pytest.mark.skipif(sys.platform == "win32", reason="programs are told by their mode")
def test_a_program_that_the_system_cannot_start_gives_way(watched: Watched) -> None:
    source = write_version(watched.root, "1.1.0", program="")
    program = source / "toy_agent" / "__main__.py"
    program.write_bytes(b"\x7fELF no program")
    program.chmod(0o755)
    build(source, watched.root / "1.zip", version="1.1.0", kind="program", start="toy_agent/__main__.py")
    install(watched.root / "1.zip", watched.folder.versions, version="1.1.0")
    watched.file.change(lambda pointer: switched(pointer, "1.1.0", offer=1))
    goes_back(watched, "no_start")


def test_a_damaged_pointer_starts_the_installed_version(watched: Watched) -> None:
    watched.put("1.1.0", WAIT)
    watched.folder.pointer.write_bytes(b"{")
    with watched.running():
        watched.until(lambda: (watched.folder.root / "installed").exists())
    assert [code for code, _ in watched.facts] == [fact_codes.UPDATE_POINTER_DAMAGED]


def test_a_version_does_not_import_what_lies_in_the_folder_it_works_in(watched: Watched) -> None:
    (watched.folder.root / "json.py").write_text("open('evil', 'w').close()")
    watched.put("1.1.0", f"import json, pathlib; pathlib.Path('started').touch(); {WAIT}")
    with watched.running():
        watched.until(lambda: (watched.folder.root / "started").exists())
    assert not (watched.folder.root / "evil").exists()


def test_two_watchers_do_not_watch_one_folder(watched: Watched) -> None:
    with watched.running():
        watched.until(lambda: (watched.folder.root / "installed").exists())
        assert (
            watched.watcher.__class__(
                watched.folder, installed=[], installed_version="1.0.0", arguments=[], leave=lambda code, **_: None
            ).run()
            == EXIT_ALREADY_RUNNING
        )
