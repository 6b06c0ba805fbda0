"""The week that the demo plays: a Tuesday, Wednesday and Thursday that are plain days of work everywhere in it.

Invariant: the week lies ahead of the machine's clock, so that nothing signed in it has expired.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from afluente.demo.leaping_clock import LeapingClock
from afluente.fleet.calendar import FleetCalendar

ZONE = ZoneInfo("America/Maceio")
TUESDAY = 1
DAYS = 3
MOST_WEEKS = 30


def plain_tuesday(after: date, states: Collection[str]) -> date:
    """The next Tuesday followed by two days of work, in every one of the states."""
    calendar = FleetCalendar()
    first = after + timedelta(days=1 + (TUESDAY - after.weekday() - 1) % 7)
    for week in range(MOST_WEEKS):
        tuesday = first + timedelta(weeks=week)
        days = (tuesday + timedelta(days=more) for more in range(DAYS))
        if all(calendar.kind_of(day, municipality="", uf=state).is_work for day in days for state in states):
            return tuesday
    return first


def leap_to(clock: LeapingClock, day: date, at: str) -> None:
    """Put the clock forward to a moment of a day; one that is past is left alone."""
    hour, minute = map(int, at.split(":"))
    moment = datetime.combine(day, time(hour, minute), ZONE)
    ahead = moment - clock.now()
    if ahead > timedelta():
        clock.leap(ahead)
