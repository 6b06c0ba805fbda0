"""Steps: one row a step of a run, and one row an attempt at it.

Invariant: a step that is done stays done; its outcome is kept, so that a resumed run need not repeat it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from afluente.state.schema import ATTEMPTS, STEPS

StepStatus = Literal["pending", "running", "done", "unchanged", "failed", "refused", "skipped", "interrupted"]
FINISHED: tuple[StepStatus, ...] = ("done", "unchanged")


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of a run. None is not known.

    `prepared` is the JSON text its last attempt started from, `outcome` the one it ended with.
    """

    run_id: str
    name: str
    position: int
    kind: str
    status: StepStatus = "pending"
    attempt: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    rows_in: int | None = None
    rows_out: int | None = None
    rows_rejected: int | None = None
    rows_repaired: int | None = None
    bytes: int | None = None
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    table_version: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    error_hint: str | None = None
    prepared: str | None = None
    outcome: str | None = None

    @property
    def seconds(self) -> float | None:
        """How long the last attempt took, once it ended."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a step. Without `ended_at` it is going on, or its process died."""

    run_id: str
    step: str
    attempt: int
    executor_id: str
    started_at: datetime
    ended_at: datetime | None = None
    error_code: str | None = None


def insert_pending(connection: sa.Connection, steps: Sequence[StepRow]) -> None:
    if steps:
        connection.execute(sa.insert(STEPS), [asdict(step) for step in steps])


def of_run(connection: sa.Connection, run_id: str) -> list[StepRow]:
    """The steps of a run in the plan's order."""
    query = sa.select(STEPS).where(STEPS.c.run_id == run_id).order_by(STEPS.c.position)
    return [StepRow(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def find(connection: sa.Connection, run_id: str, name: str) -> StepRow | None:
    row = connection.execute(sa.select(STEPS).where(STEPS.c.run_id == run_id, STEPS.c.name == name)).first()
    return None if row is None else StepRow(**row._mapping)  # noqa: SLF001


def begin_attempt(
    connection: sa.Connection,
    run_id: str,
    name: str,
    *,
    attempt: int,
    executor_id: str,
    at: datetime,
    prepared: str | None = None,
) -> None:
    """Write down that an attempt begins; the same attempt again by the same process starts it afresh."""
    connection.execute(
        sa.update(STEPS)
        .where(STEPS.c.run_id == run_id, STEPS.c.name == name)
        .values(
            status="running",
            attempt=attempt,
            started_at=at,
            ended_at=None,
            prepared=prepared,
            error_code=None,
            error_message=None,
            error_hint=None,
        )
    )
    connection.execute(
        sa.delete(ATTEMPTS).where(
            ATTEMPTS.c.run_id == run_id,
            ATTEMPTS.c.step == name,
            ATTEMPTS.c.attempt == attempt,
            ATTEMPTS.c.executor_id == executor_id,
        )
    )
    row = Attempt(run_id=run_id, step=name, attempt=attempt, executor_id=executor_id, started_at=at)
    connection.execute(sa.insert(ATTEMPTS).values(asdict(row)))


def end_attempt(connection: sa.Connection, step: StepRow, *, executor_id: str) -> None:
    """Write down how the attempt `step.attempt` ended, with everything `step` says but how it began."""
    values = asdict(step)
    for key in ("run_id", "name", "position", "kind", "started_at", "prepared"):
        del values[key]
    connection.execute(
        sa.update(STEPS)
        .where(STEPS.c.run_id == step.run_id, STEPS.c.name == step.name, STEPS.c.status.not_in(FINISHED))
        .values(values)
    )
    connection.execute(
        sa.update(ATTEMPTS)
        .where(
            ATTEMPTS.c.run_id == step.run_id,
            ATTEMPTS.c.step == step.name,
            ATTEMPTS.c.attempt == step.attempt,
            ATTEMPTS.c.executor_id == executor_id,
        )
        .values(ended_at=step.ended_at, error_code=step.error_code)
    )


def mark(
    connection: sa.Connection,
    run_id: str,
    name: str,
    *,
    status: StepStatus,
    at: datetime,
    error_code: str | None = None,
    error_message: str | None = None,
) -> None:
    """Give a step that was not run, such as a skipped one, its status."""
    connection.execute(
        sa.update(STEPS)
        .where(STEPS.c.run_id == run_id, STEPS.c.name == name, STEPS.c.status.not_in(FINISHED))
        .values(status=status, ended_at=at, error_code=error_code, error_message=error_message)
    )


def interrupt_running(connection: sa.Connection, run_id: str, *, at: datetime) -> None:
    """The run's process stops: the steps it was running are interrupted."""
    connection.execute(
        sa.update(STEPS)
        .where(STEPS.c.run_id == run_id, STEPS.c.status == "running")
        .values(status="interrupted", ended_at=at)
    )


def attempts_of(connection: sa.Connection, run_id: str, *, step: str | None = None) -> list[Attempt]:
    """Attempts in the order they began, those of one step only if it is named."""
    query = sa.select(ATTEMPTS).where(ATTEMPTS.c.run_id == run_id).order_by(ATTEMPTS.c.started_at)
    if step is not None:
        query = query.where(ATTEMPTS.c.step == step)
    return [Attempt(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001
