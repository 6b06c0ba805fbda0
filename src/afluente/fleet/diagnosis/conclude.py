"""The diagnosis of a day: look, judge, and keep what changed.

Invariant: judging writes nothing; the writing is one transaction, so that half a diagnosis never stands. Running it
again changes nothing unless something new is known.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from afluente.fleet.calendar import FleetCalendar
from afluente.fleet.diagnosis import verdicts
from afluente.fleet.diagnosis.observe import observe
from afluente.fleet.diagnosis.rules import judge
from afluente.fleet.diagnosis.verdict import Verdict
from afluente.state.database import Database
from afluente.state.fleet_schema import FACTS

REVISITED = timedelta(days=3)
"""How long a later fact may correct the verdict of a day."""


def diagnose(database: Database, *, day: date, at: datetime) -> list[Verdict]:
    """Judge every site on the day as it stands at `at`, and the days before where something new was told since.

    The verdicts that stand for `day`, in the order of the sites' ids.
    """
    judged: dict[tuple[str, date], Verdict | None] = {}
    with database.read() as connection:
        calendar = FleetCalendar.read(connection)
        for view in observe(connection, day=day, at=at, calendar=calendar):
            judged[view.site, day] = judge(view)
        for past, sites in _to_revisit(connection, day=day).items():
            for view in observe(connection, day=past, at=at, calendar=calendar, sites=sites):
                judged[view.site, past] = judge(view)
    with database.write() as connection:
        verdicts.lock(connection)
        stands = verdicts.apply(connection, judged, today=day, at=at)
        verdicts.close_ended(connection, before=day, oldest=day - REVISITED)
    return sorted((verdict for verdict in stands if verdict.day == day), key=lambda verdict: verdict.site)


def _to_revisit(connection: sa.Connection, *, day: date) -> dict[date, set[str]]:
    """The sites with a verdict of an earlier day that stands and is older than the newest fact received of them."""
    standing = [one for one in verdicts.current(connection) if day - REVISITED <= one.day < day]
    if not standing:
        return {}
    query = (
        sa.select(FACTS.c.site, sa.func.max(FACTS.c.received_at))
        .where(FACTS.c.received_at >= min(one.at for one in standing))
        .group_by(FACTS.c.site)
    )
    told: dict[str, datetime] = {row[0]: row[1] for row in connection.execute(query)}
    found: dict[date, set[str]] = defaultdict(set)
    for one in standing:
        if one.site in told and told[one.site] > one.at:
            found[one.day].add(one.site)
    return found
