"""Spans that somebody acknowledged as out of the ordinary: a strike, a campaign, a broken feed.

Invariant: what lies in such a span of a subject is no part of any baseline of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from afluente.core.errors import UsageError
from afluente.core.ids import new_id
from afluente.state.watch_schema import INCIDENTS


@dataclass(frozen=True, slots=True)
class Incident:
    """From `starts_at` to before `ends_at`. An empty metric is every metric of the subject."""

    id: str
    subject: str
    metric: str
    starts_at: datetime
    ends_at: datetime
    by_whom: str
    reason: str
    created_at: datetime

    def covers(self, moment: datetime) -> bool:
        return self.starts_at <= moment < self.ends_at


def acknowledge(
    connection: sa.Connection,
    *,
    subject: str,
    metric: str = "",
    starts_at: datetime,
    ends_at: datetime,
    by_whom: str,
    reason: str,
    at: datetime,
) -> Incident:
    """Write an incident down. UsageError when it ends before it begins, or gives no reason."""
    if ends_at <= starts_at:
        raise UsageError("watch.incident_span", "the incident ends before it begins", hint="give --from before --to")
    if not reason.strip():
        raise UsageError("watch.no_reason", "the incident has no reason", hint="--reason says what happened")
    incident = Incident(new_id(at), subject, metric, starts_at, ends_at, by_whom, reason, at)
    connection.execute(sa.insert(INCIDENTS).values(asdict(incident)))
    return incident


def of_subject(connection: sa.Connection, subject: str, metric: str) -> list[Incident]:
    """The incidents that touch this metric of this subject."""
    query = sa.select(INCIDENTS).where(INCIDENTS.c.subject == subject, INCIDENTS.c.metric.in_(("", metric)))
    return _read(connection, query)


def listing(connection: sa.Connection) -> list[Incident]:
    return _read(connection, sa.select(INCIDENTS))


def is_in_any(incidents: Iterable[Incident], moment: datetime) -> bool:
    return any(incident.covers(moment) for incident in incidents)


def _read(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> list[Incident]:
    rows = connection.execute(query.order_by(query.selected_columns["starts_at"], query.selected_columns["id"]))
    return [Incident(**row._mapping) for row in rows]  # noqa: SLF001
