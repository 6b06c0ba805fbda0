"""Effects outside the lake, written down with their cause and carried out afterwards.

Invariant: an entry with a key is put once; a claimed entry belongs to one worker until its lease ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from afluente.state import leases
from afluente.state.json_value import Json
from afluente.state.schema import OUTBOX

OutboxStatus = Literal["waiting", "claimed", "done", "failed"]


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """An effect to carry out at `due_at` or later; for a claimed entry `due_at` is when the lease ends."""

    id: str
    kind: str
    payload: Mapping[str, Json]
    created_at: datetime
    due_at: datetime
    attempts: int = 0
    status: OutboxStatus = "waiting"
    error_code: str | None = None
    key: str | None = None


def put(connection: sa.Connection, entry: OutboxEntry) -> None:
    """Write an entry down, unless one with its key is there already."""
    if entry.key is not None:
        known = connection.execute(sa.select(OUTBOX.c.id).where(OUTBOX.c.key == entry.key)).first()
        if known is not None:
            return
    connection.execute(
        sa.insert(OUTBOX).values(
            id=entry.id,
            kind=entry.kind,
            payload=dict(entry.payload),
            created_at=entry.created_at,
            due_at=entry.due_at,
            attempts=entry.attempts,
            status=entry.status,
            error_code=entry.error_code,
            key=entry.key,
        )
    )


def claim(
    connection: sa.Connection, *, kind: str, at: datetime, lease_seconds: float, limit: int = 10
) -> list[OutboxEntry]:
    """Take due entries, the oldest first; nobody else gets them before the lease ends. Needs a write transaction."""
    rows = leases.take(
        connection,
        OUTBOX,
        OUTBOX.c.kind == kind,
        OUTBOX.c.status.in_(("waiting", "claimed")),
        OUTBOX.c.due_at <= at,
        order_by=(OUTBOX.c.due_at, OUTBOX.c.created_at),
        values={
            "status": "claimed",
            "attempts": OUTBOX.c.attempts + 1,
            "due_at": at + timedelta(seconds=lease_seconds),
        },
        limit=limit,
    )
    return [OutboxEntry(**row._mapping) for row in rows]  # noqa: SLF001


def finish(connection: sa.Connection, entry_id: str) -> None:
    connection.execute(sa.update(OUTBOX).where(OUTBOX.c.id == entry_id).values(status="done", error_code=None))


def put_back(connection: sa.Connection, entry_id: str, *, due_at: datetime, error_code: str) -> None:
    """The effect failed and will be tried again."""
    connection.execute(
        sa.update(OUTBOX).where(OUTBOX.c.id == entry_id).values(status="waiting", due_at=due_at, error_code=error_code)
    )


def give_up(connection: sa.Connection, entry_id: str, *, error_code: str) -> None:
    connection.execute(sa.update(OUTBOX).where(OUTBOX.c.id == entry_id).values(status="failed", error_code=error_code))
