"""One run of a pipeline at a time, and a heartbeat that says its process lives.

Invariant: a lock is taken from its holder only when the holder is proved dead on this host; on another one, when it has
not been heard of for LOST_AFTER_SECONDS by the clock and stays silent while it is watched, since no two clocks need
agree. Who loses the lock is told to stop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from afluente.core.clock import Clock
from afluente.core.errors import RunError, StateError
from afluente.runs.process import Process, is_proved_dead, this_host, this_process
from afluente.state import run_locks, runs_table
from afluente.state.database import Database
from afluente.state.run_locks import RunLock

BEAT_SECONDS = 5.0
LOST_AFTER_SECONDS = 60.0
WATCHED_BEATS = 3


class PipelineLock:
    """Holds a pipeline for this process while it is entered. Raises RunError when another run holds it."""

    def __init__(
        self,
        database: Database,
        *,
        pipeline: str,
        executor_id: str,
        clock: Clock,
        on_lost: Callable[[], None],
        beat_seconds: float = BEAT_SECONDS,
    ) -> None:
        self._database = database
        self._pipeline = pipeline
        self._executor_id = executor_id
        self._clock = clock
        self._on_lost = on_lost
        self._beat_seconds = beat_seconds
        self._run_id: str | None = None
        self._done = threading.Event()
        self._heartbeat = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self.is_lost = False
        self.is_kept = False

    def __enter__(self) -> Self:
        watched = self._watch()
        now = self._clock.now()
        me = this_process()
        with self._database.write() as connection:
            holder = run_locks.find(connection, self._pipeline)
            if holder is not None and holder != watched and not _is_dead(holder):
                raise _already_running(holder)
            run_locks.take(
                connection,
                RunLock(
                    pipeline=self._pipeline,
                    executor_id=self._executor_id,
                    run_id=None,
                    pid=me.pid,
                    pid_started=me.started,
                    host=me.host,
                    acquired_at=now,
                    heartbeat_at=now,
                ),
            )
        self._heartbeat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._heartbeat.join()
        if self.is_kept or self.is_lost:
            return
        try:
            with self._database.write() as connection:
                run_locks.release(connection, self._pipeline, executor_id=self._executor_id)
        except StateError:
            if error is None:
                raise

    def _watch(self) -> RunLock | None:
        """A holder on another host that may be lost and gave no sign while it was watched; None when there is none.

        One that lives on this host is refused here, by reading alone: it may stand still in the middle of a write.
        """
        with self._database.read() as connection:
            holder = run_locks.find(connection, self._pipeline)
        if holder is None or _is_dead(holder):
            return None
        if holder.host == this_host():
            raise _already_running(holder)
        if not may_be_lost(holder, now=self._clock.now()):
            return None
        for _ in range(WATCHED_BEATS):
            time.sleep(self._beat_seconds)
            with self._database.read() as connection:
                if run_locks.find(connection, self._pipeline) != holder:
                    return None
        return holder

    def keep(self) -> None:
        """Do not release: steps of this process still run, and only its end makes the pipeline free."""
        self.is_kept = True

    def hold_for(self, run_id: str) -> None:
        """Name the run whose heartbeat is written along."""
        self._run_id = run_id

    def _beat(self) -> None:
        while not self._done.wait(self._beat_seconds):
            now = self._clock.now()
            try:
                with self._database.write() as connection:
                    is_holder = run_locks.beat(connection, self._pipeline, executor_id=self._executor_id, at=now)
                    if is_holder and self._run_id is not None:
                        runs_table.beat(connection, self._run_id, executor_id=self._executor_id, at=now)
            except StateError:
                continue
            if not is_holder:
                self.is_lost = True
                self._on_lost()
                return


def may_be_lost(lock: RunLock, *, now: datetime) -> bool:
    """Whether a holder on another host was not heard of lately, or a clock that was set back cannot tell."""
    return abs(now - lock.heartbeat_at) > timedelta(seconds=LOST_AFTER_SECONDS)


def _is_dead(lock: RunLock) -> bool:
    return is_proved_dead(Process(pid=lock.pid, started=lock.pid_started, host=lock.host))


def _already_running(holder: RunLock) -> RunError:
    run = f"run {holder.run_id}" if holder.run_id else "a run"
    return RunError(
        "runs.already_running",
        f"pipeline {holder.pipeline} is already running: {run}, process {holder.pid} on {holder.host.split()[0]}",
        hint="wait until it ends (`afluente runs list` shows it), or stop that process; its run can be resumed",
        retryable=True,
    )
