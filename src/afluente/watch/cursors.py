"""How far each reader of events has read.

Invariant: on PostgreSQL a reader's row is locked while it reads, so that two processes do not deal with one event.
"""

from __future__ import annotations

import sqlalchemy as sa

from afluente.state.upsert import upsert
from afluente.state.watch_schema import CURSORS


def position(connection: sa.Connection, name: str) -> int:
    """The id of the last event dealt with; 0 before the first. Needs a write transaction, which then owns the row."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"cursor/{name}"))))
    found = connection.execute(sa.select(CURSORS.c.position).where(CURSORS.c.name == name)).scalar()
    return int(found or 0)


def move(connection: sa.Connection, name: str, event_id: int) -> None:
    upsert(connection, CURSORS, [{"name": name, "position": event_id}])
