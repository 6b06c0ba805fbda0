"""Events: the append-only record of what happened, read in order by whoever watches.

Invariant: ids grow in the order of commits, so a reader that has seen id N misses nothing by asking for what
follows N; an event with a key is appended once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from afluente.state.json_value import Json
from afluente.state.schema import EVENTS

APPEND_LOCK = 0x4146_4556


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `kind` is dotted (`run.done`); `subject` is what it happened to."""

    id: int
    at: datetime
    kind: str
    subject: str
    run_id: str | None
    payload: Mapping[str, Json]


def append(
    connection: sa.Connection,
    *,
    at: datetime,
    kind: str,
    subject: str,
    run_id: str | None = None,
    payload: Mapping[str, Json] | None = None,
    key: str | None = None,
) -> None:
    """Append one event, unless one with this `key` is there already."""
    values = {
        "at": at,
        "kind": kind,
        "subject": subject,
        "run_id": run_id,
        "payload": dict(payload or {}),
        "key": key,
    }
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as insert_sqlite

        connection.execute(insert_sqlite(EVENTS).values(values).on_conflict_do_nothing(index_elements=["key"]))
        return
    from sqlalchemy.dialects.postgresql import insert as insert_postgres

    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(APPEND_LOCK)))
    connection.execute(insert_postgres(EVENTS).values(values).on_conflict_do_nothing(index_elements=["key"]))


def after(connection: sa.Connection, event_id: int, *, kinds: Sequence[str] = (), limit: int = 1000) -> list[Event]:
    """Events that follow `event_id` in order; 0 reads from the first."""
    query = sa.select(EVENTS).where(EVENTS.c.id > event_id).order_by(EVENTS.c.id).limit(limit)
    if kinds:
        query = query.where(EVENTS.c.kind.in_(kinds))
    return [_read(row) for row in connection.execute(query)]


def of_run(connection: sa.Connection, run_id: str) -> list[Event]:
    query = sa.select(EVENTS).where(EVENTS.c.run_id == run_id).order_by(EVENTS.c.id)
    return [_read(row) for row in connection.execute(query)]


def last_id(connection: sa.Connection) -> int:
    """The newest event's id; 0 when there is none."""
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(EVENTS.c.id), 0))).scalar_one())


def _read(row: sa.Row[tuple[object, ...]]) -> Event:
    values = dict(row._mapping)  # noqa: SLF001
    del values["key"]
    return Event(**values)
