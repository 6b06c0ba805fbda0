"""The last figures of a metric, each with what was expected of it then: why something was flagged, or was not."""

from __future__ import annotations

from functools import partial

import sqlalchemy as sa

from afluente.watch import incidents, observations
from afluente.watch.anomaly import Judged
from afluente.watch.baseline import expect
from afluente.watch.calendar_days import is_holiday


def look_back(connection: sa.Connection, subject: str, metric: str, *, last: int, state: str = "") -> list[Judged]:
    """The newest `last` figures in the order of time. Those in an acknowledged incident are judged and not learnt."""
    known = observations.history(connection, subject, metric)
    excused = incidents.of_subject(connection, subject, metric)
    learnt = [point for point in known if not incidents.is_in_any(excused, point.at)]
    holiday = partial(is_holiday, state=state)
    return [Judged(point, expect(point, learnt, is_holiday=holiday)) for point in known[-last:]]
