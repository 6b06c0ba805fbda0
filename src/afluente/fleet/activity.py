"""When a site is on, learned from its heartbeats: a decayed weight for each hour of its week.

Invariant: an hour of the week gains at most one in each week, however many heartbeats it holds; what was long ago
fades by half every four weeks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa

from afluente.state.fleet_schema import ACTIVITY
from afluente.state.upsert import upsert

HALF_LIFE_DAYS = 28.0
IS_ON_SHARE = 0.25
"""An hour counts as one of the site's when its weight is at least this share of its heaviest."""
WEEK_HOURS = 168


def learn(connection: sa.Connection, site: str, timezone: str, at: datetime) -> None:
    """The site was seen on. Needs a write transaction."""
    local = at.astimezone(zone(timezone))
    place = (ACTIVITY.c.site == site, ACTIVITY.c.weekday == local.weekday(), ACTIVITY.c.hour == local.hour)
    known = connection.execute(sa.select(ACTIVITY.c.weight, ACTIVITY.c.updated_at).where(*place)).first()
    weight = 1.0
    if known is not None:
        if at - known.updated_at < timedelta(hours=2):
            return
        weight += decayed(known.weight, at - known.updated_at)
    row = {"site": site, "weekday": local.weekday(), "hour": local.hour, "weight": weight, "updated_at": at}
    upsert(connection, ACTIVITY, [row])


def decayed(weight: float, age: timedelta) -> float:
    return float(weight * 0.5 ** (max(age, timedelta()) / timedelta(days=HALF_LIFE_DAYS)))


@dataclass(frozen=True, slots=True)
class ActiveHours:
    """The weights of a site's hours of the week, 0 is Monday at midnight local time. Empty when nothing is known."""

    timezone: str
    weights: Mapping[int, float]

    def hours(self) -> frozenset[int]:
        """The hours of the week in which the site is usually on."""
        heaviest = max(self.weights.values(), default=0.0)
        return frozenset(hour for hour, weight in self.weights.items() if weight >= heaviest * IS_ON_SHARE)

    def hours_of_day(self, weekday: int) -> list[int]:
        """The hours (0 to 23) of a day, Monday 0, in which the site is usually on."""
        return sorted(hour - weekday * 24 for hour in self.hours() if hour // 24 == weekday)

    def remaining(self, at: datetime, *, most: timedelta = timedelta(hours=12)) -> timedelta:
        """How long from `at` the site usually stays on without a pause; nothing when it is usually off."""
        if not self.weights:
            return most
        hours = self.hours()
        local = at.astimezone(zone(self.timezone))
        first = self._hour(at)
        count = 0
        while count < WEEK_HOURS and (first + count) % WEEK_HOURS in hours:
            count += 1
        spent = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return min(most, max(timedelta(), timedelta(hours=count) - spent))

    def _hour(self, at: datetime) -> int:
        local = at.astimezone(zone(self.timezone))
        return local.weekday() * 24 + local.hour


def hours_of(connection: sa.Connection, site: str, timezone: str, *, at: datetime) -> ActiveHours:
    """What is known of a site's hours, faded to `at`."""
    rows = connection.execute(sa.select(ACTIVITY).where(ACTIVITY.c.site == site))
    weights = {row.weekday * 24 + row.hour: decayed(row.weight, at - row.updated_at) for row in rows}
    return ActiveHours(timezone, weights)


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """A time zone by name; UTC when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(str(UTC))
