"""`afluente serve`: keeps the schedules and answers over HTTP until it is told to stop.

Invariant: runs go on one after another; a tick that comes while the pipeline is busy waits and is not lost; what a
stop interrupts is gone on with at the next start.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal, TextIO

from afluente.core.clock import Clock, SystemClock
from afluente.core.errors import AfluenteError
from afluente.runs.execute import Runs
from afluente.runs.plan import Plan
from afluente.runs.report import RunReport
from afluente.runs.schedule import Timetable
from afluente.state.database import Database

LOOK_SECONDS = 1.0
WAIT_AFTER_ERROR_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Planned:
    """What a tick asks to run."""

    plan: Plan
    asked_tables: tuple[str, ...]
    engine: str
    engine_version: str


@dataclass(frozen=True, slots=True)
class Health:
    """What the scheduler does, what it waits for, and what went wrong last. Only `ok` answers ticks."""

    status: Literal["starting", "ok", "stopping", "dead"]
    pipeline: str
    started_at: datetime
    next_ticks: tuple[tuple[str, str, datetime], ...]
    last_error_code: str | None


class Scheduler:
    """Runs a pipeline's schedules, in the thread that calls `serve_forever`."""

    def __init__(
        self,
        database: Database,
        *,
        pipeline: str,
        runs: Runs,
        timetables: Sequence[Timetable],
        plan_for: Callable[[str], Planned],
        on_report: Callable[[RunReport], None],
        on_error: Callable[[AfluenteError], None],
        clock: Clock | None = None,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._database = database
        self._pipeline = pipeline
        self._runs = runs
        self._timetables = tuple(timetables)
        self._plan_for = plan_for
        self._on_report = on_report
        self._on_error = on_error
        self._clock = clock or SystemClock()
        self._look_seconds = look_seconds
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._started_at = self._clock.now()
        self._last_error_code: str | None = None

    def serve_forever(self) -> None:
        """Recover what was interrupted, then answer ticks until `stop`. An error of a run does not end it."""
        self._thread = threading.current_thread()
        for timetable in self._timetables:
            timetable.begin(self._database, at=self._clock.now())
        self._guard(self._recover)
        while not self._stopping.wait(self._look_seconds):
            for timetable in self._timetables:
                if self._stopping.is_set():
                    break
                if not self._guard(partial(self._answer, timetable)):
                    self._stopping.wait(WAIT_AFTER_ERROR_SECONDS)

    def stop(self, *, grace_seconds: float = 10.0) -> None:
        """Start no run any more; the one that goes on has so long to end its steps. For good, from any thread."""
        self._stopping.set()
        self._runs.stop(grace_seconds=grace_seconds)

    def health(self) -> Health:
        now = self._clock.now()
        return Health(
            status=self._status(),
            pipeline=self._pipeline,
            started_at=self._started_at,
            next_ticks=tuple(
                (timetable.name, timetable.cron.text, timetable.next_after(now)) for timetable in self._timetables
            ),
            last_error_code=self._last_error_code,
        )

    def _status(self) -> Literal["starting", "ok", "stopping", "dead"]:
        if self._stopping.is_set():
            return "stopping"
        if self._thread is None:
            return "starting"
        return "ok" if self._thread.is_alive() else "dead"

    def _recover(self) -> None:
        for report in self._runs.recover():
            self._on_report(report)

    def _answer(self, timetable: Timetable) -> None:
        tick = timetable.due(self._database, at=self._clock.now())
        if tick is None:
            return
        planned = self._plan_for(timetable.name)
        report = self._runs.execute(
            planned.plan,
            trigger="schedule",
            schedule=timetable.name,
            asked_tables=planned.asked_tables,
            engine=planned.engine,
            engine_version=planned.engine_version,
            on_begin=lambda connection, _run: timetable.answer(connection, tick),
        )
        for recovered in report.recovered:
            self._on_report(recovered)
        self._on_report(report)

    def _guard(self, action: Callable[[], None]) -> bool:
        """Whether the action went well. A busy pipeline is no error: the tick waits."""
        try:
            action()
        except AfluenteError as error:
            if error.code == "runs.already_running":
                return True
            self._last_error_code = error.code
            self._on_error(error)
            return False
        self._last_error_code = None
        return True


def plain_reporter(stream: TextIO) -> tuple[Callable[[RunReport], None], Callable[[AfluenteError], None]]:
    """What `serve` says of runs and errors, one plain line each."""

    def report(ended: RunReport) -> None:
        print(f"run {ended.run.id} {ended.run.status}", file=stream, flush=True)

    def complain(error: AfluenteError) -> None:
        hint = f" (hint: {error.hint})" if error.hint else ""
        print(f"error {error.code}: {error.message}{hint}", file=stream, flush=True)

    return report, complain
