"""Runs: one row an execution of a pipeline, from its start to its end.

Invariant: a run that has `ended_at` never changes its status again, except an interrupted one that is resumed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from afluente.state.schema import EVENTS, RUNS

Trigger = Literal["manual", "schedule", "resume"]
RunStatus = Literal["running", "done", "failed", "refused", "interrupted"]
UNFINISHED: tuple[RunStatus, ...] = ("running", "interrupted")
SHORTEST_PART = 8
STARTED = "/started"
"""What the key of the event of a run's beginning has after the run's id."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `plan` is the plan's JSON text; `host`, `pid` and `executor_id` are who runs it, or ran it last.

    `takeovers` counts how often another process went on with it; `takeovers_without_progress` starts again at 0
    whenever a step ends.
    """

    id: str
    pipeline: str
    trigger: Trigger
    status: RunStatus
    started_at: datetime
    engine: str
    engine_version: str
    asked_tables: tuple[str, ...]
    plan: str
    executor_id: str
    pid: int
    host: str
    heartbeat_at: datetime
    schedule: str | None = None
    resumed_from: str | None = None
    ended_at: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None
    error_hint: str | None = None
    takeovers: int = 0
    takeovers_without_progress: int = 0


def insert(connection: sa.Connection, run: Run) -> None:
    connection.execute(sa.insert(RUNS).values(asdict(run) | {"asked_tables": list(run.asked_tables)}))


def find(connection: sa.Connection, run_id: str) -> Run | None:
    """The run of this id, or of the only id that begins or ends with it (SHORTEST_PART characters or more)."""
    row = connection.execute(sa.select(RUNS).where(RUNS.c.id == run_id)).first()
    if row is not None:
        return _read(row)
    found = alike(connection, run_id)
    return found[0] if len(found) == 1 else None


def alike(connection: sa.Connection, part: str, *, limit: int = 5) -> list[Run]:
    """The newest runs whose id begins or ends with this part. Ids made within a minute begin alike and end otherwise."""
    if len(part) < SHORTEST_PART:
        return []
    is_alike = RUNS.c.id.startswith(part, autoescape=True) | RUNS.c.id.endswith(part, autoescape=True)
    return [_read(row) for row in connection.execute(_in_order(is_newest_first=True).where(is_alike).limit(limit))]


def newest(
    connection: sa.Connection, *, pipeline: str | None = None, status: RunStatus | None = None, limit: int = 50
) -> list[Run]:
    """Runs, the newest first: the one that began last, whatever the clock said then."""
    query = _in_order(is_newest_first=True).limit(limit)
    if pipeline is not None:
        query = query.where(RUNS.c.pipeline == pipeline)
    if status is not None:
        query = query.where(RUNS.c.status == status)
    return [_read(row) for row in connection.execute(query)]


def unfinished(connection: sa.Connection, *, pipeline: str) -> list[Run]:
    """Runs of the pipeline that somebody began and nobody ended, the oldest first."""
    query = _in_order(is_newest_first=False).where(RUNS.c.pipeline == pipeline, RUNS.c.status.in_(UNFINISHED))
    return [_read(row) for row in connection.execute(query)]


def _in_order(*, is_newest_first: bool) -> sa.Select[tuple[object, ...]]:
    """Runs in the order of the events that say they began; by their moments where there is none."""
    began = sa.func.coalesce(EVENTS.c.id, 0)
    order = (began, RUNS.c.started_at, RUNS.c.id)
    both = RUNS.outerjoin(EVENTS, EVENTS.c.key == RUNS.c.id + STARTED)
    return sa.select(RUNS).select_from(both).order_by(*(c.desc() if is_newest_first else c for c in order))


def take_over(connection: sa.Connection, run_id: str, *, executor_id: str, pid: int, host: str, at: datetime) -> None:
    """Write down that this process goes on with an unfinished run."""
    connection.execute(
        sa.update(RUNS)
        .where(RUNS.c.id == run_id)
        .values(
            status="running",
            ended_at=None,
            executor_id=executor_id,
            pid=pid,
            host=host,
            heartbeat_at=at,
            takeovers=RUNS.c.takeovers + 1,
            takeovers_without_progress=RUNS.c.takeovers_without_progress + 1,
        )
    )


def note_progress(connection: sa.Connection, run_id: str) -> None:
    """A step ended: the next takeover is the first one again."""
    connection.execute(sa.update(RUNS).where(RUNS.c.id == run_id).values(takeovers_without_progress=0))


def beat(connection: sa.Connection, run_id: str, *, executor_id: str, at: datetime) -> None:
    connection.execute(
        sa.update(RUNS).where(RUNS.c.id == run_id, RUNS.c.executor_id == executor_id).values(heartbeat_at=at)
    )


def end(
    connection: sa.Connection,
    run_id: str,
    *,
    status: RunStatus,
    at: datetime,
    error_code: str | None = None,
    error_message: str | None = None,
    error_hint: str | None = None,
) -> None:
    """Write down how the run ended; one that ended before stays as it is."""
    connection.execute(
        sa.update(RUNS)
        .where(RUNS.c.id == run_id, RUNS.c.status.in_(UNFINISHED))
        .values(status=status, ended_at=at, error_code=error_code, error_message=error_message, error_hint=error_hint)
    )


def _read(row: sa.Row[tuple[object, ...]]) -> Run:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    values["asked_tables"] = tuple(values["asked_tables"])
    return Run(**values)
