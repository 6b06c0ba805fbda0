"""Which loaded transmissions wait for bronze, and whose turn it is to write a list's table.

Invariant: what the central database took is queued in the transaction that says so, and leaves the queue after its
lines are committed; of a site's list nothing is given out while something that began earlier is put off.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from afluente.fleet.due import has_come, is_due
from afluente.fleet.transmission import Transmission, read_transmission
from afluente.state.fleet_schema import BRONZE_QUEUE, BRONZE_TURNS, TRANSMISSIONS


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits of a list: how much, and since when the oldest of it."""

    list_name: str
    transmissions: int
    size_bytes: int
    oldest_at: datetime


def put(connection: sa.Connection, transmission: Transmission, *, at: datetime) -> None:
    """Queue what has just been loaded."""
    connection.execute(
        sa.insert(BRONZE_QUEUE).values(
            transmission=transmission.id,
            site=transmission.site,
            list_name=transmission.list_name,
            size_bytes=transmission.size_bytes,
            started_at=transmission.started_at,
            queued_at=at,
            attempts=0,
        )
    )


def waiting(connection: sa.Connection, *, at: datetime) -> list[Waiting]:
    """What is due of each list."""
    table = BRONZE_QUEUE
    query = (
        sa.select(
            table.c.list_name,
            sa.func.count(),
            sa.func.sum(table.c.size_bytes),
            sa.type_coerce(sa.func.min(table.c.queued_at), table.c.queued_at.type),
        )
        .where(is_due(table.c.due_at, at))
        .group_by(table.c.list_name)
        .order_by(table.c.list_name)
    )
    return [Waiting(name, count, int(size), oldest) for name, count, size, oldest in connection.execute(query)]


def take_turn(connection: sa.Connection, list_name: str, *, worker: str, at: datetime, lease_seconds: float) -> bool:
    """Be the one who writes a list's table; False while somebody else is. Needs a write transaction."""
    table = BRONZE_TURNS
    until = at + timedelta(seconds=lease_seconds)
    taken = connection.execute(
        sa.update(table)
        .where(table.c.list_name == list_name, sa.or_(has_come(table.c.until, at), table.c.worker == worker))
        .values(worker=worker, until=until)
    )
    if taken.rowcount:
        return True
    if connection.execute(sa.select(table.c.until).where(table.c.list_name == list_name)).first() is not None:
        return False
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(table).values(list_name=list_name, worker=worker, until=until))
    except sa.exc.IntegrityError:
        return False
    return True


def end_turn(connection: sa.Connection, list_name: str, *, worker: str, at: datetime) -> None:
    table = BRONZE_TURNS
    connection.execute(
        sa.update(table).where(table.c.list_name == list_name, table.c.worker == worker).values(until=at)
    )


def batch(connection: sa.Connection, list_name: str, *, at: datetime, most: int, most_bytes: int) -> list[Transmission]:
    """The next of a list in the order in which they began, up to so many of them or so many bytes, at least one."""
    table, earlier = BRONZE_QUEUE, BRONZE_QUEUE.alias()
    is_put_off = sa.exists().where(
        earlier.c.list_name == table.c.list_name,
        earlier.c.site == table.c.site,
        ~is_due(earlier.c.due_at, at),
        earlier.c.started_at <= table.c.started_at,
    )
    query = (
        sa.select(TRANSMISSIONS)
        .join(table, table.c.transmission == TRANSMISSIONS.c.id)
        .where(table.c.list_name == list_name, ~is_put_off)
        .order_by(table.c.started_at, table.c.transmission)
        .limit(most)
    )
    taken: list[Transmission] = []
    size = 0
    for row in connection.execute(query):
        size += row.size_bytes
        if taken and size > most_bytes:
            break
        taken.append(read_transmission(row))
    return taken


def kept(connection: sa.Connection, transmissions: Collection[str]) -> None:
    """They stand in bronze. Those that somebody else took out already are passed over."""
    connection.execute(sa.delete(BRONZE_QUEUE).where(BRONZE_QUEUE.c.transmission.in_(transmissions)))


def count_attempt(connection: sa.Connection, transmissions: Collection[str]) -> dict[str, int]:
    """They were tried and not kept; how often by now."""
    table = BRONZE_QUEUE
    connection.execute(
        sa.update(table).where(table.c.transmission.in_(transmissions)).values(attempts=table.c.attempts + 1)
    )
    query = sa.select(table.c.transmission, table.c.attempts).where(table.c.transmission.in_(transmissions))
    return {row.transmission: row.attempts for row in connection.execute(query)}


def put_off(connection: sa.Connection, transmissions: Collection[str], *, until: datetime) -> None:
    """They are not given out before `until`."""
    connection.execute(
        sa.update(BRONZE_QUEUE).where(BRONZE_QUEUE.c.transmission.in_(transmissions)).values(due_at=until)
    )


def last_compacted(connection: sa.Connection) -> dict[str, datetime | None]:
    """Of each list that has a table, when it was compacted."""
    rows = connection.execute(sa.select(BRONZE_TURNS.c.list_name, BRONZE_TURNS.c.compacted_at))
    return {row.list_name: row.compacted_at for row in rows}


def compacted(connection: sa.Connection, list_name: str, *, at: datetime) -> None:
    connection.execute(sa.update(BRONZE_TURNS).where(BRONZE_TURNS.c.list_name == list_name).values(compacted_at=at))
