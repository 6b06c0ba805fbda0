"""What every run tells of its tables, kept as observations: rows, refused share, bytes, duration.

Invariant: a day of a table has one figure of each metric, that of its last run; an event is learnt from in the
transaction that moves the cursor past it; no table keeps more days than a baseline looks back.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from afluente.state import events
from afluente.state.events import Event
from afluente.state.watch_schema import CURSORS, OBSERVATIONS
from afluente.watch import cursors
from afluente.watch.observations import LONGEST_HISTORY, Observation, record

if TYPE_CHECKING:
    from afluente.runs.steps.workspace import Workspace

READER = "run figures"
BATCH = 500
KINDS = ("step.done",)
ROWS, REFUSED, BYTES, SECONDS = "rows", "refused_percent", "bytes", "seconds"
METRICS = (ROWS, REFUSED, BYTES, SECONDS)


def learn_from_runs(workspace: Workspace) -> int:
    """Keep the figures of every step done since the last time; returns how many events were read."""
    read = 0
    while _has_more(workspace):
        with workspace.state.write() as connection:
            batch = events.after(connection, cursors.position(connection, READER), kinds=KINDS, limit=BATCH)
            if not batch:
                break
            record(connection, [figure for event in batch for figure in _figures(event)])
            _forget(connection, {event.subject for event in batch}, newest=max(event.at for event in batch))
            cursors.move(connection, READER, batch[-1].id)
        read += len(batch)
    return read


def _has_more(workspace: Workspace) -> bool:
    """Asked without the write lock, so that looking for nothing new holds nobody up."""
    with workspace.state.read() as connection:
        known = connection.execute(sa.select(CURSORS.c.position).where(CURSORS.c.name == READER)).scalar()
        return bool(events.after(connection, int(known or 0), kinds=KINDS, limit=1))


def _figures(event: Event) -> Iterator[Observation]:
    rows_in, refused = _number(event, "rows_in"), _number(event, "rows_rejected")
    values = {
        ROWS: _number(event, "rows_out"),
        REFUSED: 100 * refused / rows_in if rows_in and refused is not None else None,
        BYTES: _number(event, "bytes"),
        SECONDS: _number(event, "seconds"),
    }
    day = datetime.combine(event.at.astimezone(UTC).date(), time(), tzinfo=UTC)
    for metric, value in values.items():
        if value is not None:
            yield Observation(event.subject, metric, day, value, event.run_id or "")


def _number(event: Event, name: str) -> float | None:
    value = event.payload.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _forget(connection: sa.Connection, subjects: set[str], *, newest: datetime) -> None:
    connection.execute(
        sa.delete(OBSERVATIONS).where(
            OBSERVATIONS.c.subject.in_(sorted(subjects)),
            OBSERVATIONS.c.metric.in_(METRICS),
            OBSERVATIONS.c.at < newest - timedelta(days=LONGEST_HISTORY),
        )
    )
