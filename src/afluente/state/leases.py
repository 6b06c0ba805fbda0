"""Taking rows of a table for a while, so that several processes may work off one table.

Invariant: a row is given to one worker; whoever asks for any rows at the same time gets others, or none, and waits for
nobody; whoever asks for one row waits for whoever writes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa


def take(
    connection: sa.Connection,
    table: sa.Table,
    *conditions: sa.ColumnElement[bool],
    order_by: Sequence[sa.ColumnElement[Any]],
    values: Mapping[str, object],
    limit: int,
) -> list[sa.Row[Any]]:
    """The first rows (`id` is their key) for which all conditions hold, with `values` written into them, in that order.

    `values` must say until when they are taken, and the conditions leave out what is. Needs a write transaction.
    """
    query = sa.select(table.c.id).where(*conditions).order_by(*order_by).limit(limit)
    ids = list(connection.execute(query.with_for_update(skip_locked=True)).scalars())
    if not ids:
        return []
    connection.execute(sa.update(table).where(table.c.id.in_(ids)).values(**values))
    rows = connection.execute(sa.select(table).where(table.c.id.in_(ids)))
    places = {name: place for place, name in enumerate(ids)}
    return sorted(rows, key=lambda row: places[row.id])


def take_one(
    connection: sa.Connection,
    table: sa.Table,
    name: str,
    *conditions: sa.ColumnElement[bool],
    values: Mapping[str, object],
) -> sa.Row[Any] | None:
    """The row of this `id` with `values` written into it; None where a condition does not hold.

    Needs a write transaction.
    """
    taking = sa.update(table).where(table.c.id == name, *conditions).values(**values)
    return connection.execute(taking.returning(*table.c)).first()
