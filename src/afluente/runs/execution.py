"""One run being carried out: what is written down when a step begins, ends, fails or is skipped.

Invariant: everything here may be repeated after a crash; a step that is written down as finished is not run again.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from afluente.core.clock import Clock
from afluente.runs.drive import Interrupted, Stop
from afluente.runs.limits import Limits
from afluente.runs.log import RunLog
from afluente.runs.outcome import StepOutcome
from afluente.runs.plan import Plan, Step
from afluente.runs.resources import Cost, Meter
from afluente.runs.retry import Retry
from afluente.runs.step_runner import StepRunner
from afluente.state import events, quality_outcomes, repairs, runs_table, steps_table
from afluente.state.database import Database
from afluente.state.json_value import Json
from afluente.state.runs_table import RunStatus
from afluente.state.steps_table import StepRow

OnStep = Callable[[StepRow], None]
_BEGUN = ("running", "interrupted")


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an attempt starts from: the runner's durable input, or the outcome when it could not even prepare."""

    durable_input: Mapping[str, Json] | None
    outcome: StepOutcome | None

    def to_json(self) -> str:
        outcome = None if self.outcome is None else self.outcome.to_json()
        return json.dumps({"input": self.durable_input, "outcome": outcome}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Prepared:
        values = json.loads(text)
        outcome = None if values["outcome"] is None else StepOutcome.from_json(values["outcome"])
        return cls(values["input"], outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """A run and everything it needs. `on_step` hears of every change of a step, from the step's own thread."""

    run_id: str
    plan: Plan
    database: Database
    runner: StepRunner
    executor_id: str
    clock: Clock
    retry: Retry
    limits: Limits
    stop: Stop
    log: RunLog
    on_step: OnStep
    chance: random.Random = field(default_factory=random.Random)

    def prepare(self, step: Step, attempt: int) -> str:
        """Wait out the backoff, then ask the runner for the attempt's durable input. Returns Prepared's JSON.

        An attempt that began before the workflow's own history was lost starts from what it started from then.
        """
        if attempt > 1:
            wait_seconds = self.retry.wait_seconds(attempt - 1, chance=self.chance)
            if self.stop.asked.wait(wait_seconds):
                raise Interrupted
        with self.database.read() as connection:
            row = steps_table.find(connection, self.run_id, step.name)
        if row is not None and row.status in steps_table.FINISHED:
            return Prepared(None, None).to_json()
        if row is not None and row.prepared is not None and row.attempt == attempt and row.status in _BEGUN:
            return row.prepared
        try:
            prepared = self.runner.prepare(step, run_id=self.run_id, attempt=attempt)
            text = Prepared(prepared, None).to_json()
        except Exception as error:  # noqa: BLE001 - the boundary of a step: it is reported as its outcome
            outcome = StepOutcome.of_error(error)
            self._begin(step, attempt, None)
            self._end(step, attempt, outcome, Cost(seconds=0.0, cpu_seconds=0.0, peak_memory_bytes=None))
            return Prepared(None, outcome).to_json()
        return text

    def run(self, step: Step, attempt: int, prepared: str) -> str:
        """Carry out one attempt; returns the outcome's JSON. A step known to be finished is not repeated."""
        known = self._finished(step)
        if known is not None:
            return known
        self._begin(step, attempt, prepared)
        durable_input = Prepared.from_json(prepared).durable_input
        meter = Meter()
        with meter:
            try:
                outcome = self.runner.run(step, run_id=self.run_id, attempt=attempt, durable_input=durable_input)
            except Exception as error:  # noqa: BLE001 - the boundary of a step: it is reported as its outcome
                outcome = StepOutcome.of_error(error)
        self._end(step, attempt, outcome, meter.cost)
        return outcome.to_json()

    def will_retry(self, outcome: StepOutcome, attempt: int) -> bool:
        return outcome.status == "failed" and outcome.is_retryable and attempt < self.retry.max_attempts

    def skip(self, step: Step, waits_for: str) -> None:
        """Write down a step that cannot run because what it depends on did not finish."""
        now = self.clock.now()
        message = f"not run, because {waits_for} did not finish"
        with self.database.write() as connection:
            steps_table.mark(
                connection,
                self.run_id,
                step.name,
                status="skipped",
                at=now,
                error_code="runs.dependency_failed",
                error_message=message,
            )
            events.append(
                connection,
                at=now,
                kind="step.skipped",
                subject=step.name,
                run_id=self.run_id,
                payload={"waits_for": waits_for},
                key=f"{self.run_id}/{step.name}/skipped",
            )
            row = steps_table.find(connection, self.run_id, step.name)
        self.log.write("step skipped", step=step.name, waits_for=waits_for)
        self._tell(row)

    def end(self, outcomes: Mapping[str, StepOutcome]) -> RunStatus:
        """Write down how the run ended, from how its steps did: failed before refused before done."""
        status: RunStatus = "done"
        worst: tuple[str, StepOutcome] | None = None
        for wanted in ("failed", "refused"):
            bad = [(step.name, outcomes[step.name]) for step in self.plan if step.name in outcomes]
            found = [pair for pair in bad if pair[1].status == wanted]
            if found:
                worst = found[0]
                status = "failed" if wanted == "failed" else "refused"
                break
        now = self.clock.now()
        with self.database.write() as connection:
            runs_table.end(
                connection,
                self.run_id,
                status=status,
                at=now,
                error_code=None if worst is None else worst[1].error_code,
                error_message=None if worst is None else f"step {worst[0]}: {worst[1].error_message}",
                error_hint=None if worst is None else worst[1].error_hint,
            )
            events.append(
                connection,
                at=now,
                kind=f"run.{status}",
                subject=self.run_id,
                run_id=self.run_id,
                payload={"error_code": None if worst is None else worst[1].error_code},
                key=f"{self.run_id}/end",
            )
        self.log.write("run ended", status=status)
        return status

    def _finished(self, step: Step) -> str | None:
        """The outcome's JSON of a step written down as finished, in the moment before its workflow knew."""
        with self.database.read() as connection:
            row = steps_table.find(connection, self.run_id, step.name)
        return row.outcome if row is not None and row.status in steps_table.FINISHED else None

    def _begin(self, step: Step, attempt: int, prepared: str | None) -> None:
        now = self.clock.now()
        with self.database.write() as connection:
            steps_table.begin_attempt(
                connection,
                self.run_id,
                step.name,
                attempt=attempt,
                executor_id=self.executor_id,
                at=now,
                prepared=prepared,
            )
            row = steps_table.find(connection, self.run_id, step.name)
        self.log.write("step began", step=step.name, attempt=attempt)
        self._tell(row)

    def _end(self, step: Step, attempt: int, outcome: StepOutcome, cost: Cost) -> None:
        now = self.clock.now()
        ended = StepRow(
            run_id=self.run_id,
            name=step.name,
            position=0,
            kind=step.kind,
            status=outcome.status,
            attempt=attempt,
            ended_at=now,
            rows_in=outcome.rows_in,
            rows_out=outcome.rows_out,
            rows_rejected=outcome.rows_rejected,
            rows_repaired=outcome.rows_repaired,
            bytes=outcome.bytes,
            cpu_seconds=cost.cpu_seconds,
            peak_memory_bytes=cost.peak_memory_bytes,
            table_version=outcome.table_version,
            error_code=outcome.error_code,
            error_message=outcome.error_message,
            error_hint=outcome.error_hint,
            outcome=outcome.to_json(),
        )
        is_final = not self.will_retry(outcome, attempt)
        with self.database.write() as connection:
            steps_table.end_attempt(connection, ended, executor_id=self.executor_id)
            quality_outcomes.replace_for_step(connection, self.run_id, step.name, outcome.quality, at=now)
            repairs.replace_for_step(connection, self.run_id, step.name, outcome.repairs)
            if outcome.is_finished:
                runs_table.note_progress(connection, self.run_id)
            events.append(
                connection,
                at=now,
                kind=f"step.{outcome.status}" if is_final else "step.will_retry",
                subject=step.name,
                run_id=self.run_id,
                payload=_payload(outcome, cost, attempt),
                key=f"{self.run_id}/{step.name}/{'end' if is_final else attempt}",
            )
            row = steps_table.find(connection, self.run_id, step.name)
        self.log.write(
            "step ended" if is_final else "step failed and will be tried again",
            step=step.name,
            status=outcome.status,
            attempt=attempt,
            seconds=cost.seconds,
            cpu_seconds=cost.cpu_seconds,
            peak_memory_bytes=cost.peak_memory_bytes,
            rows_in=outcome.rows_in,
            rows_out=outcome.rows_out,
            rows_rejected=outcome.rows_rejected,
            rows_repaired=outcome.rows_repaired,
            bytes=outcome.bytes,
            table_version=outcome.table_version,
            error=outcome.error_code,
            why=outcome.error_message,
        )
        self._tell(row)

    def _tell(self, row: StepRow | None) -> None:
        if row is not None:
            self.on_step(row)


def _payload(outcome: StepOutcome, cost: Cost, attempt: int) -> dict[str, Json]:
    return {
        "attempt": attempt,
        "seconds": round(cost.seconds, 3),
        "rows_in": outcome.rows_in,
        "rows_out": outcome.rows_out,
        "rows_rejected": outcome.rows_rejected,
        "rows_repaired": outcome.rows_repaired,
        "bytes": outcome.bytes,
        "table_version": outcome.table_version,
        "error_code": outcome.error_code,
    }
