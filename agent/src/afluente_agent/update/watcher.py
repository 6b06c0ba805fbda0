"""The watcher: a small process of the installed version that starts the version pointed at and watches it.

Invariant: it runs the installed code only, so that no update can break it, and no update replaces it; a version on
trial that crashes, hangs or does not reach the hub is left for the one before without asking anybody; it always has
something to start: the installed version is never touched.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from afluente_agent import __version__, durable
from afluente_agent.errors import SettingsError, UpdateError
from afluente_agent.facts import Leave
from afluente_agent.protocol import fact_codes
from afluente_agent.update.folder import UpdateFolder
from afluente_agent.update.health import EXIT_ALREADY_RUNNING, LAUNCH_VARIABLE, read_health
from afluente_agent.update.install import UNREADABLE, discard_others, verify
from afluente_agent.update.package import Manifest
from afluente_agent.update.pointer import Pointer, PointerFile, Reason, confirmed, decided, rolled_back
from afluente_agent.update.trial import Trial, TrialRule

HOME_VARIABLE = "AFLUENTE_AGENT_HOME"
POLL_SECONDS = 1.0
STOP_SECONDS = 20.0
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 300.0
STEADY_SECONDS = 600.0
LOOP_EXITS = 5
MOST_LOOKS = 5


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the watcher looks, and how long it waits between starts."""

    poll_seconds: float = POLL_SECONDS
    stop_seconds: float = STOP_SECONDS
    first_wait_seconds: float = FIRST_WAIT_SECONDS
    longest_wait_seconds: float = LONGEST_WAIT_SECONDS


class Watcher:
    """Starts and watches the agent of a folder. `installed` is the command of the installed version."""

    def __init__(
        self,
        folder: UpdateFolder,
        *,
        installed: Sequence[str],
        installed_version: str,
        arguments: Sequence[str],
        leave: Leave,
        rule: TrialRule | None = None,
        pace: Pace | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._file = PointerFile(folder)
        self._installed = list(installed)
        self._installed_version = installed_version
        self._arguments = list(arguments)
        self._leave = leave
        self._rule = rule or TrialRule()
        self._pace = pace or Pace()
        self._now = now
        self._stop = threading.Event()
        self._trial = Trial(self._rule)
        self._trial_of: str | None = None
        self._known = Pointer(installed=installed_version)
        self._unsaved: Pointer | None = None
        self._exits = 0
        self._looked_at = now()

    def stop(self) -> None:
        """End, with the agent. Safe to call from a signal's handler."""
        self._stop.set()

    def run(self) -> int:
        """Watch until told to stop; an exit status."""
        try:
            with durable.locked(self._folder.watcher_lock, is_waiting=False):
                self._load_or_begin_anew()
                self._change(lambda pointer: replace(pointer, installed=self._installed_version))
                while not self._stop.is_set():
                    self._round()
        except BlockingIOError:
            return EXIT_ALREADY_RUNNING
        return 0

    def _round(self) -> None:
        """One process of the agent, from its start to its end."""
        pointer, manifest = self._choose()
        version = pointer.current
        if self._trial_of != version:
            self._trial, self._trial_of, self._exits = Trial(self._rule), version, 0
        launch = secrets.token_hex(8)
        try:
            process = self._start(manifest, launch)
        except OSError as error:
            self._could_not_start(version, error)
            return
        began = self._now()
        self._trial.started()
        self._looked_at = began
        is_ours = self._attend(process, version, launch)
        if is_ours:
            self._exits = 0
            return
        if self._now() - began >= STEADY_SECONDS:
            self._exits = 0
        self._ended(version, process.returncode)

    def _choose(self) -> tuple[Pointer, Manifest | None]:
        """What to start: what is pointed at if it is whole and has not begun too often, else what was before."""
        while True:
            pointer = self._load_or_begin_anew()
            if not pointer.current:
                return pointer, None
            manifest = self._whole(pointer.current)
            if manifest is None:
                self._roll_back(pointer.current, "damaged")
                continue
            if not pointer.is_on_trial:
                return pointer, manifest
            if pointer.trial_starts >= self._rule.most_starts:
                self._roll_back(pointer.current, "crash")
                continue
            pointer = self._change(lambda before: replace(before, trial_starts=before.trial_starts + 1))
            return pointer, manifest

    def _whole(self, version: str) -> Manifest | None:
        """Its manifest where all its files are right. An antivirus may hold new ones for a moment: they are looked at again."""
        for looks in range(1, MOST_LOOKS + 1):
            try:
                return verify(self._folder.version(version))
            except UpdateError as error:
                if error.code != UNREADABLE or looks == MOST_LOOKS:
                    break
            self._wait(looks)
        return None

    def _start(self, manifest: Manifest | None, launch: str) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environment |= {HOME_VARIABLE: str(self._folder.root), LAUNCH_VARIABLE: launch, "PYTHONUTF8": "1"}
        command = self._installed
        if manifest is not None:
            folder = self._folder.version(manifest.version)
            if manifest.kind == "program":
                command = [str(folder / manifest.start)]
            else:
                command = [sys.executable, "-P", "-s", "-m", manifest.start]
                environment["PYTHONPATH"] = str(folder)
                environment["PYTHONPYCACHEPREFIX"] = str(self._folder.bytecode / manifest.version)
        return subprocess.Popen(  # noqa: S603
            [*command, *self._arguments], stdin=subprocess.PIPE, env=environment, cwd=self._folder.root
        )

    def _attend(self, process: subprocess.Popen[bytes], version: str, launch: str) -> bool:
        """Watch a process until it ends; whether it was ended by us."""
        with process:
            while process.poll() is None:
                if self._stop.is_set() or self._has_moved(version):
                    self._end(process)
                    return True
                if self._judge(version, launch):
                    self._end(process)
                    return True
                self._stop.wait(self._pace.poll_seconds)
        return False

    def _judge(self, version: str, launch: str) -> bool:
        """Draw what follows from the newest look; whether the process is to end."""
        self._pass_time()
        pointer = self._load()
        health = read_health(self._folder.health, launch)
        undecided = pointer.undecided()
        if undecided and not pointer.is_on_trial:
            self._decide(undecided, has_reached=health is not None and health.reached > 0)
        seen = self._trial.seen(health)
        if not pointer.is_on_trial:
            return self._trial.is_stuck()
        match seen:
            case "healthy":
                self._change(lambda before: confirmed(before, version))
                self._leave(fact_codes.UPDATE_HEALTHY, version=version)
                for folder in (self._folder.versions, self._folder.bytecode):
                    discard_others(folder, keep={version, pointer.previous})
            case "hang" | "no_hub":
                self._roll_back(version, seen)
                return True
            case "wait":
                pass
        return False

    def _decide(self, version: str, *, has_reached: bool) -> None:
        if has_reached:
            self._change(lambda pointer: decided(pointer, version, "bad"))
        elif self._trial.is_late():
            self._change(lambda pointer: decided(pointer, version, "excused"))

    def _ended(self, version: str, status: int) -> None:
        """A process ended by itself."""
        pointer = self._load()
        if self._stop.is_set() or pointer.current != version:
            return
        if status == EXIT_ALREADY_RUNNING:
            self._change(lambda before: replace(before, trial_starts=max(before.trial_starts - 1, 0)))
        else:
            self._exits += 1
            if self._trial.ended() and pointer.is_on_trial:
                self._roll_back(version, "crash")
                return
        if pointer.is_on_trial and self._trial.is_late():
            self._roll_back(version, "no_hub")
            return
        if self._exits == LOOP_EXITS:
            self._leave(fact_codes.UPDATE_CRASH_LOOP, version=pointer.version(), exits=self._exits, status=status)
        self._wait(self._exits)

    def _could_not_start(self, version: str, error: OSError) -> None:
        if version and self._load().is_on_trial:
            self._roll_back(version, "no_start")
            return
        self._exits += 1
        if self._exits == LOOP_EXITS:
            self._leave(fact_codes.UPDATE_CRASH_LOOP, version=version, exits=self._exits, status=error.errno or 0)
        self._wait(self._exits)

    def _wait(self, exits: int) -> None:
        wait = min(self._pace.first_wait_seconds * 2 ** min(max(exits - 1, 0), 20), self._pace.longest_wait_seconds)
        ends = self._now() + wait
        while not self._stop.is_set() and self._now() < ends:
            self._pass_time()
            self._stop.wait(min(self._pace.poll_seconds, max(ends - self._now(), 0.0)))

    def _roll_back(self, version: str, reason: Reason) -> None:
        to = self._whole_before(self._load())
        after = self._change(lambda pointer: rolled_back(pointer, version, reason, to=to))
        self._leave(fact_codes.UPDATE_ROLLED_BACK, version=version, reason=reason, to=after.version())

    def _whole_before(self, pointer: Pointer) -> str:
        """The version before if its files are whole, else the installed one."""
        if not pointer.previous:
            return ""
        return "" if self._whole(pointer.previous) is None else pointer.previous

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Ask politely, by its standard input and by signal, then end it."""
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        if sys.platform != "win32":
            process.terminate()
        try:
            process.wait(self._pace.stop_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _has_moved(self, version: str) -> bool:
        return self._load().current != version

    def _load_or_begin_anew(self) -> Pointer:
        if self._unsaved is None:
            try:
                self._file.load()
            except UpdateError:
                self._leave(fact_codes.UPDATE_POINTER_DAMAGED)
                return self._change(lambda _: Pointer(installed=self._installed_version))
        return self._load()

    def _load(self) -> Pointer:
        """The pointer; what was last known while it cannot be read."""
        if self._unsaved is not None:
            return self._unsaved
        with contextlib.suppress(UpdateError):
            self._known = self._file.load()
        return self._known

    def _change(self, changed: Callable[[Pointer], Pointer]) -> Pointer:
        """Change the pointer; a decision that a full disk does not take holds all the same while we run."""
        unsaved = self._unsaved
        try:
            self._known = self._file.change(changed if unsaved is None else lambda _: changed(unsaved))
            self._unsaved = None
        except UpdateError:
            self._known = self._unsaved = changed(self._load())
        return self._known

    def _pass_time(self) -> None:
        now = self._now()
        self._trial.passed(now - self._looked_at)
        self._looked_at = now


def installed_command() -> list[str]:
    """How the installed version is started."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, "-P", "-m", "afluente_agent.cli"]


def watch(root: Path, arguments: Sequence[str]) -> int:
    """Watch the agent of a data folder, with the facts going to its journal; an exit status."""
    from afluente_agent.clock_offset import HubClock
    from afluente_agent.facts import Journal, leaver
    from afluente_agent.settings import DataFolder, SettingsStore

    data = DataFolder(root)
    try:
        offset = SettingsStore(data).load().clock_offset_seconds
    except SettingsError:
        offset = 0
    journal = Journal(data.journal, clock=HubClock(time.time, offset_seconds=offset))
    watcher = Watcher(
        UpdateFolder(root),
        installed=installed_command(),
        installed_version=__version__,
        arguments=arguments,
        leave=leaver(lambda: journal),
    )
    signal.signal(signal.SIGTERM, lambda _number, _frame: watcher.stop())
    signal.signal(signal.SIGINT, lambda _number, _frame: watcher.stop())
    return watcher.run()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="afluente-agent-watcher")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("arguments", nargs="*", default=["run"])
    given = parser.parse_args(argv)
    return watch(given.home, given.arguments)


if __name__ == "__main__":
    sys.exit(main())
