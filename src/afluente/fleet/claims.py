"""Who loads which transmission: claims by lease in the state, good for several hub processes.

Invariant: the transmissions of a site's list are loaded in the order in which they began, one at a time; a claim that
ran out can no longer end anything.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from afluente.fleet import bronze_queue
from afluente.fleet.due import is_due
from afluente.fleet.transmission import Transmission, read_transmission
from afluente.state import leases
from afluente.state.fleet_schema import TRANSMISSIONS

OPEN_STATES = ("landed", "loading")


def claim(
    connection: sa.Connection, *, worker: str, at: datetime, lease_seconds: float, limit: int = 1
) -> list[Transmission]:
    """Take landed transmissions that are due, the longest landed first. Needs a write transaction."""
    table, earlier = TRANSMISSIONS, TRANSMISSIONS.alias()
    is_first = ~sa.exists().where(
        earlier.c.site == table.c.site,
        earlier.c.list_name == table.c.list_name,
        earlier.c.state.in_(OPEN_STATES),
        sa.or_(
            earlier.c.started_at < table.c.started_at,
            sa.and_(earlier.c.started_at == table.c.started_at, earlier.c.id < table.c.id),
        ),
    )
    rows = leases.take(
        connection,
        table,
        table.c.state.in_(OPEN_STATES),
        is_due(table.c.due_at, at),
        table.c.landed_path.is_not(None),
        is_first,
        order_by=(table.c.landed_at, table.c.id),
        values={
            "state": "loading",
            "claimed_by": worker,
            "attempts": table.c.attempts + 1,
            "due_at": at + timedelta(seconds=lease_seconds),
        },
        limit=limit,
    )
    return [read_transmission(row) for row in rows]


def renew(
    connection: sa.Connection, transmission: Transmission, *, worker: str, at: datetime, lease_seconds: float
) -> bool:
    """Hold a claim for longer; False when it is no longer ours."""
    return _end(connection, transmission, worker, due_at=at + timedelta(seconds=lease_seconds))


def finish(
    connection: sa.Connection, transmission: Transmission, *, worker: str, at: datetime, into_bronze: bool = False
) -> bool:
    """The transmission is loaded, and waits for bronze. False when the claim had run out: whoever took it over ends it."""
    is_ended = _end(
        connection, transmission, worker, state="loaded", loaded_at=at, due_at=None, claimed_by=None, error_code=None
    )
    if is_ended and into_bronze:
        bronze_queue.put(connection, transmission, at=at)
    return is_ended


def put_back(
    connection: sa.Connection, transmission: Transmission, *, worker: str, due_at: datetime, error_code: str
) -> bool:
    """It will be tried again at `due_at`."""
    return _end(connection, transmission, worker, state="landed", due_at=due_at, claimed_by=None, error_code=error_code)


def refuse(connection: sa.Connection, transmission: Transmission, *, worker: str, error_code: str) -> bool:
    """It will never be loaded."""
    return _end(connection, transmission, worker, state="refused", due_at=None, claimed_by=None, error_code=error_code)


def state_of(connection: sa.Connection, transmission_id: str) -> str | None:
    return connection.execute(
        sa.select(TRANSMISSIONS.c.state).where(TRANSMISSIONS.c.id == transmission_id)
    ).scalar_one_or_none()


def _end(connection: sa.Connection, transmission: Transmission, worker: str, **values: object) -> bool:
    table = TRANSMISSIONS
    ended = connection.execute(
        sa.update(table)
        .where(
            table.c.id == transmission.id,
            table.c.state == "loading",
            table.c.claimed_by == worker,
            table.c.attempts == transmission.attempts,
        )
        .values(**values)
    )
    return ended.rowcount == 1
