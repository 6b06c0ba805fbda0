"""An agent as a process of its own: `storm_agent.py FOLDER CONTROL`. The agent's own loop, parts and client.

What differs from a municipality: waits are shorter, the machine's clock is off by the seconds in CONTROL/clock, a new
day has come when CONTROL/day holds a larger number, the doctor stays at home, and what is forced to the disk is
recorded in CONTROL/ledger. CONTROL/settled holds the last day whose lists were read and all sent.
"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from afluente_agent import durable, logs
from afluente_agent.client import HubClient
from afluente_agent.clock_offset import HubClock
from afluente_agent.default_parts import default_parts
from afluente_agent.facts import Leave
from afluente_agent.loop import Loop
from afluente_agent.parts import Parts
from afluente_agent.settings import DataFolder
from tests.fleet_world import storm_ledger

HURRY = 120
"""So much quicker than at a site do timers run."""
ANSWER_SECONDS = 5.0
PAUSE_SECONDS = 0.2
LONG_AGO = 1


def number(path: Path) -> float:
    try:
        return float(path.read_text())
    except (FileNotFoundError, ValueError):
        return 0


class Days(threading.Event):
    """The service's stop, which never comes; every wait looks whether a new day has come."""

    def __init__(self, loop: Loop, folder: DataFolder, control: Path) -> None:
        super().__init__()
        self._loop, self._folder, self._control = loop, folder, control
        self._begun = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        """The nap of the loop."""
        with suppress(Exception):
            self._look()
        time.sleep(max((timeout or 0) / HURRY, 0.02))
        return False

    def _look(self) -> None:
        day = number(self._control / "day")
        timers = self._loop.timers
        if day > self._begun:
            self._loop.store.update(last_extracted_at=LONG_AGO)
            timers.reading.due = 0
            self._begun = day
        elif self._loop.store.load().last_extracted_at > LONG_AGO and not self._is_waiting():
            (self._control / "settled").write_text(str(int(self._begun)))

    def _is_waiting(self) -> bool:
        return any(self._folder.spool.glob("waiting/*/manifest"))


def parts_of(folder: DataFolder, *, leave: Leave, clock: HubClock) -> Parts:
    parts = default_parts(folder, leave=leave, clock=clock, pause=lambda s: time.sleep(min(s, PAUSE_SECONDS)))
    return replace(parts, diagnose=lambda _settings: ())


def main(root: Path, control: Path) -> None:
    folder = DataFolder(root)
    storm_ledger.keep(control / "ledger")
    logs.start(folder.logs)
    with durable.locked(folder.run_lock, is_waiting=False):
        loop = Loop(
            folder,
            parts_of,
            now=lambda: time.time() + number(control / "clock"),
            steady=lambda: time.monotonic() * HURRY,
            connect=partial(HubClient, answer_seconds=ANSWER_SECONDS),
        )
        loop.run(Days(loop, folder, control))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
