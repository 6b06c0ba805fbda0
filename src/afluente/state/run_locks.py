"""One lock a pipeline: who runs it now.

Invariant: a lock changes hands only inside a write transaction that has seen its last holder; every write of a
holder names itself, so that one who lost the lock changes nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from afluente.state.schema import RUN_LOCKS
from afluente.state.upsert import upsert

ACQUIRE_LOCK = 0x4146_4C4B


@dataclass(frozen=True, slots=True)
class RunLock:
    """Who holds a pipeline. `pid_started` tells a process from a later one of the same number on that host."""

    pipeline: str
    executor_id: str
    run_id: str | None
    pid: int
    pid_started: str
    host: str
    acquired_at: datetime
    heartbeat_at: datetime


def find(connection: sa.Connection, pipeline: str) -> RunLock | None:
    """The lock as it is. Within a write transaction nobody else changes it before the commit."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ACQUIRE_LOCK, sa.func.hashtext(pipeline))))
    row = connection.execute(sa.select(RUN_LOCKS).where(RUN_LOCKS.c.pipeline == pipeline)).first()
    return None if row is None else RunLock(**row._mapping)  # noqa: SLF001


def take(connection: sa.Connection, lock: RunLock) -> None:
    """Make `lock` the holder; whoever calls has looked at the last holder in this transaction."""
    upsert(connection, RUN_LOCKS, [asdict(lock)])


def assign(connection: sa.Connection, pipeline: str, *, executor_id: str, run_id: str) -> None:
    """Name the run the lock is held for."""
    connection.execute(
        sa.update(RUN_LOCKS)
        .where(RUN_LOCKS.c.pipeline == pipeline, RUN_LOCKS.c.executor_id == executor_id)
        .values(run_id=run_id)
    )


def beat(connection: sa.Connection, pipeline: str, *, executor_id: str, at: datetime) -> bool:
    """Say that the holder lives; False when it is the holder no more."""
    changed = connection.execute(
        sa.update(RUN_LOCKS)
        .where(RUN_LOCKS.c.pipeline == pipeline, RUN_LOCKS.c.executor_id == executor_id)
        .values(heartbeat_at=at)
    )
    return bool(changed.rowcount)


def release(connection: sa.Connection, pipeline: str, *, executor_id: str) -> None:
    connection.execute(
        sa.delete(RUN_LOCKS).where(RUN_LOCKS.c.pipeline == pipeline, RUN_LOCKS.c.executor_id == executor_id)
    )
