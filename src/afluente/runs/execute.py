"""Runs of one pipeline in this process: start, recover, resume, stop.

Invariant: while a run goes on this process holds the pipeline's lock; a run that was begun and not ended is gone
on with before another one begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from afluente.core.clock import Clock, SystemClock
from afluente.core.errors import AfluenteError, RunError
from afluente.core.ids import new_id
from afluente.runs.drive import Interrupted, Stop
from afluente.runs.execution import Execution, OnStep
from afluente.runs.limits import Limits
from afluente.runs.lock import BEAT_SECONDS, PipelineLock
from afluente.runs.log import RunLog
from afluente.runs.plan import Plan
from afluente.runs.process import this_process
from afluente.runs.report import RunReport
from afluente.runs.retry import Retry
from afluente.runs.step_runner import StepRunner
from afluente.state import events, run_locks, runs_table, steps_table
from afluente.state.database import Database
from afluente.state.runs_table import Run, Trigger
from afluente.state.steps_table import StepRow

if TYPE_CHECKING:
    import sqlalchemy as sa

MOST_TAKEOVERS_WITHOUT_PROGRESS = 25
"""After so many the run is taken to kill its process, and only `resume` by hand goes on with it."""

_EXECUTOR_ID = ""


class Runs:
    """Carries out the runs of one pipeline. Every call blocks until the run ended; `stop` comes from elsewhere."""

    def __init__(
        self,
        database: Database,
        *,
        project_root: Path,
        pipeline: str,
        runner: StepRunner,
        clock: Clock | None = None,
        limits: Limits | None = None,
        retry: Retry | None = None,
        log_stream: TextIO | None = None,
        on_step: OnStep | None = None,
        beat_seconds: float = BEAT_SECONDS,
    ) -> None:
        self._database = database
        self._project_root = project_root
        self._pipeline = pipeline
        self._runner = runner
        self._clock = clock or SystemClock()
        self._limits = limits or Limits()
        self._retry = retry or Retry()
        self._log_stream = log_stream
        self._on_step = on_step or (lambda _row: None)
        self._beat_seconds = beat_seconds
        self._stop = Stop()

    def execute(
        self,
        plan: Plan,
        *,
        trigger: Trigger = "manual",
        schedule: str | None = None,
        asked_tables: tuple[str, ...] = (),
        engine: str = "",
        engine_version: str = "",
        on_begin: Callable[[sa.Connection, Run], None] | None = None,
    ) -> RunReport:
        """Recover what was interrupted, then run the plan.

        `on_begin` is called in the transaction that writes the run down. Raises RunError `runs.already_running`.
        When asked to stop while recovering, the report is that of the run being recovered.
        """
        with self._lock() as lock:
            recovered = self._recover(lock)
            if self._stop.asked.is_set() and recovered:
                return replace(recovered[-1], recovered=tuple(recovered[:-1]))
            run = self._new_run(plan, trigger=trigger, engine=engine, engine_version=engine_version)
            run = replace(run, schedule=schedule, asked_tables=asked_tables)
            self._write_begin(run, plan, on_begin)
            report = self._carry_out(lock, run, plan)
        return replace(report, recovered=tuple(recovered))

    def record_unchanged(self, plan: Plan, *, asked_tables: tuple[str, ...] = ()) -> RunReport | None:
        """Write down a run whose every step is known to have nothing to do, without starting the workflow.

        None when a run of the pipeline waits to be gone on with: then `execute` is needed.
        """
        with self._lock():
            with self._database.read() as connection:
                if runs_table.unfinished(connection, pipeline=self._pipeline):
                    return None
            run = self._new_run(plan, trigger="manual", engine="", engine_version="")
            run = replace(run, asked_tables=asked_tables)
            self._write_begin(run, plan, None)
            now = self._clock.now()
            with self._database.write() as connection:
                for step in plan:
                    steps_table.mark(connection, run.id, step.name, status="unchanged", at=now)
                runs_table.end(connection, run.id, status="done", at=now)
                events.append(connection, at=now, kind="run.done", subject=run.id, run_id=run.id, key=f"{run.id}/end")
            return self._report(run.id)

    def recover(self) -> list[RunReport]:
        """Go on with every run of the pipeline that was begun and not ended, the oldest first."""
        with self._database.read() as connection:
            if not runs_table.unfinished(connection, pipeline=self._pipeline):
                return []
        with self._lock() as lock:
            return self._recover(lock)

    def resume(self, run_id: str) -> RunReport:
        """Go on with an interrupted run; of one that failed or was refused, run again what did not finish.

        The latter is a new run whose `resumed_from` names the old one. Raises RunError.
        """
        with self._lock() as lock:
            with self._database.read() as connection:
                run = runs_table.find(connection, run_id)
                steps = [] if run is None else steps_table.of_run(connection, run.id)
            if run is None or run.pipeline != self._pipeline:
                raise RunError(
                    "runs.unknown", f"run {run_id} does not exist", hint="`afluente runs list` shows the runs"
                )
            plan = Plan.from_json(run.plan)
            if run.status in runs_table.UNFINISHED:
                return self._take_over(lock, run, plan)
            finished = {step.name for step in steps if step.status in steps_table.FINISHED}
            if run.status == "done" or len(finished) == len(plan):
                raise RunError(
                    "runs.nothing_to_resume",
                    f"run {run.id} is done",
                    hint="`afluente run` starts a new one",
                )
            rest = plan.without(finished)
            again = self._new_run(rest, trigger="resume", engine=run.engine, engine_version=run.engine_version)
            again = replace(again, resumed_from=run.id, asked_tables=run.asked_tables)
            self._write_begin(again, rest, None)
            return self._carry_out(lock, again, rest)

    def stop(self, *, grace_seconds: float = 10.0) -> None:
        """Ask the run to stop: no step starts any more, running ones have so long to end. The run is resumable.

        Safe to call from a signal handler or another thread. It is for good: this object runs nothing after it.
        """
        self._stop.ask(grace_seconds=grace_seconds)

    def _lock(self) -> PipelineLock:
        return PipelineLock(
            self._database,
            pipeline=self._pipeline,
            executor_id=executor_id(self._clock),
            clock=self._clock,
            on_lost=lambda: self._stop.ask(grace_seconds=0.0),
            beat_seconds=self._beat_seconds,
        )

    def _recover(self, lock: PipelineLock) -> list[RunReport]:
        with self._database.read() as connection:
            unfinished = runs_table.unfinished(connection, pipeline=self._pipeline)
        reports: list[RunReport] = []
        for run in unfinished:
            if self._stop.asked.is_set():
                break
            if run.takeovers_without_progress >= MOST_TAKEOVERS_WITHOUT_PROGRESS:
                self._give_up(run)
                continue
            reports.append(self._take_over(lock, run, Plan.from_json(run.plan)))
        return reports

    def _take_over(self, lock: PipelineLock, run: Run, plan: Plan) -> RunReport:
        me = this_process()
        now = self._clock.now()
        with self._database.write() as connection:
            runs_table.take_over(
                connection, run.id, executor_id=executor_id(self._clock), pid=me.pid, host=me.host, at=now
            )
            steps_table.interrupt_running(connection, run.id, at=now)
            events.append(
                connection,
                at=now,
                kind="run.resumed",
                subject=run.id,
                run_id=run.id,
                payload={"takeovers": run.takeovers + 1},
                key=f"{run.id}/resumed/{run.takeovers + 1}",
            )
            taken = runs_table.find(connection, run.id)
        return self._carry_out(lock, taken or run, plan)

    def _give_up(self, run: Run) -> None:
        now = self._clock.now()
        with self._database.write() as connection:
            events.append(
                connection,
                at=now,
                kind="run.failed",
                subject=run.id,
                run_id=run.id,
                payload={"error_code": "runs.gave_up"},
                key=f"{run.id}/end",
            )
            runs_table.end(
                connection,
                run.id,
                status="failed",
                at=now,
                error_code="runs.gave_up",
                error_message=(
                    f"run {run.id} was interrupted {run.takeovers_without_progress} times without ending a step"
                ),
                error_hint=f"see its log, give the machine more memory, then `afluente runs resume {run.id}`",
            )

    def _new_run(self, plan: Plan, *, trigger: Trigger, engine: str, engine_version: str) -> Run:
        me = this_process()
        now = self._clock.now()
        return Run(
            id=new_id(now),
            pipeline=self._pipeline,
            trigger=trigger,
            status="running",
            started_at=now,
            engine=engine,
            engine_version=engine_version,
            asked_tables=(),
            plan=plan.to_json(),
            executor_id=executor_id(self._clock),
            pid=me.pid,
            host=me.host,
            heartbeat_at=now,
        )

    def _write_begin(self, run: Run, plan: Plan, on_begin: Callable[[sa.Connection, Run], None] | None) -> None:
        rows = [
            StepRow(run_id=run.id, name=step.name, position=position, kind=step.kind)
            for position, step in enumerate(plan)
        ]
        with self._database.write() as connection:
            runs_table.insert(connection, run)
            steps_table.insert_pending(connection, rows)
            events.append(
                connection,
                at=run.started_at,
                kind="run.started",
                subject=run.id,
                run_id=run.id,
                payload={"trigger": run.trigger, "schedule": run.schedule, "steps": len(rows)},
                key=f"{run.id}{runs_table.STARTED}",
            )
            if on_begin is not None:
                on_begin(connection, run)

    def _carry_out(self, lock: PipelineLock, run: Run, plan: Plan) -> RunReport:
        from afluente.runs import workflow

        lock.hold_for(run.id)
        with self._database.write() as connection:
            run_locks.assign(connection, self._pipeline, executor_id=executor_id(self._clock), run_id=run.id)
        log = RunLog(
            folder=self._project_root / ".afluente" / "logs",
            run_id=run.id,
            clock=self._clock,
            stream=self._log_stream,
        )
        log.write("run began", trigger=run.trigger, steps=len(plan), takeovers=run.takeovers or None)
        execution = Execution(
            run_id=run.id,
            plan=plan,
            database=self._database,
            runner=self._runner,
            executor_id=executor_id(self._clock),
            clock=self._clock,
            retry=self._retry,
            limits=self._limits,
            stop=self._stop,
            log=log,
            on_step=self._on_step,
        )
        try:
            workflow.launch(self._database, project_root=self._project_root, executor_id=executor_id(self._clock))
            workflow.carry_out(execution, project_root=self._project_root, takeovers=run.takeovers)
        except Interrupted as interrupted:
            if lock.is_lost:
                raise RunError(
                    "runs.lost_lock",
                    f"run {run.id} was taken over by another process while this one stood still",
                    hint="`afluente runs list` shows who runs it",
                ) from interrupted
            if interrupted.has_running_steps:
                lock.keep()
            self._write_interrupted(run, log)
        except KeyboardInterrupt:
            self._stop.ask(grace_seconds=0.0)
            lock.keep()
            self._write_interrupted(run, log)
            raise
        except AfluenteError as error:
            log.write("run broke off", error=error.code, why=error.message)
            raise
        finally:
            log.close()
        return self._report(run.id)

    def _write_interrupted(self, run: Run, log: RunLog) -> None:
        now = self._clock.now()
        with self._database.write() as connection:
            steps_table.interrupt_running(connection, run.id, at=now)
            runs_table.end(
                connection,
                run.id,
                status="interrupted",
                at=now,
                error_code="runs.interrupted",
                error_message=f"run {run.id} was stopped before its end",
                error_hint=f"the next run goes on with it, or `afluente runs resume {run.id}`",
            )
            events.append(connection, at=now, kind="run.interrupted", subject=run.id, run_id=run.id)
        log.write("run interrupted")

    def _report(self, run_id: str) -> RunReport:
        with self._database.read() as connection:
            run = runs_table.find(connection, run_id)
            steps = steps_table.of_run(connection, run_id)
        if run is None:
            raise RunError("runs.unknown", f"run {run_id} does not exist any more")
        return RunReport(run=run, steps=tuple(steps))


def executor_id(clock: Clock) -> str:
    """The name of this process among those that share the state; made when it is first asked for."""
    global _EXECUTOR_ID  # noqa: PLW0603 - one a process
    if not _EXECUTOR_ID:
        _EXECUTOR_ID = new_id(clock.now())
    return _EXECUTOR_ID
