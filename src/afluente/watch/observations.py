"""Figures of a subject over time: what baselines are made of.

Invariant: a figure is a count, a sum or an age, never a value of a row; of two for one moment the later written stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from afluente.state.upsert import upsert
from afluente.state.watch_schema import OBSERVATIONS

LONGEST_HISTORY = 800


@dataclass(frozen=True, slots=True)
class Point:
    """One figure and the moment it is about (a day's figure: that day's beginning)."""

    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Observation:
    """A figure of `subject` (`gold.vendas_dia`, `product/vendas`). `origin` is the run or release that told it."""

    subject: str
    metric: str
    at: datetime
    value: float
    origin: str


def record(connection: sa.Connection, observations: Sequence[Observation]) -> None:
    """Write figures down. Needs a write transaction."""
    latest = {(one.subject, one.metric, one.at): one for one in observations}
    upsert(
        connection,
        OBSERVATIONS,
        [
            {
                "subject": one.subject,
                "metric": one.metric,
                "at": one.at,
                "value": float(one.value),
                "origin": one.origin,
            }
            for one in latest.values()
        ],
    )


def history(
    connection: sa.Connection,
    subject: str,
    metric: str,
    *,
    before: datetime | None = None,
    limit: int = LONGEST_HISTORY,
) -> list[Point]:
    """The newest figures that are older than `before`, in the order of time."""
    query = sa.select(OBSERVATIONS.c.at, OBSERVATIONS.c.value).where(
        OBSERVATIONS.c.subject == subject, OBSERVATIONS.c.metric == metric
    )
    if before is not None:
        query = query.where(OBSERVATIONS.c.at < before)
    rows = connection.execute(query.order_by(OBSERVATIONS.c.at.desc()).limit(limit)).all()
    return [Point(row.at, row.value) for row in reversed(rows)]


def metrics(connection: sa.Connection) -> list[tuple[str, str, int]]:
    """Every subject and metric with how many figures are known of it."""
    query = (
        sa.select(OBSERVATIONS.c.subject, OBSERVATIONS.c.metric, sa.func.count())
        .group_by(OBSERVATIONS.c.subject, OBSERVATIONS.c.metric)
        .order_by(OBSERVATIONS.c.subject, OBSERVATIONS.c.metric)
    )
    return [(str(subject), str(metric), int(count)) for subject, metric, count in connection.execute(query)]
