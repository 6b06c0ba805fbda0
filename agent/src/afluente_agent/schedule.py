"""When things are done: jitter, back-off, the day's reading, and readings that were missed.

A reading is at the hour an operator gave; else at the moment of the week's plan that the hub learned for this site;
else at a minute of the agent's own.

Invariant: nothing here looks at a clock or at dice by itself; two agents with the same configuration do not meet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo

FIRST_HOUR, SPREAD_MINUTES = 7, 240
"""Where no hour is given, each agent has its own minute from 7 to 11, when the municipality's machine is likely on."""
MISSED_SECONDS = 2 * 3600
WEEK_DAYS = 7
FIRST_WAIT_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 3600.0

Dice = Callable[[], float]
"""A number from 0 up to 1."""


@dataclass(frozen=True, slots=True)
class WeekPlan:
    """`times` are HH:MM from Monday on, empty for a day without a reading, in a zone `zone_minutes` east of UTC."""

    times: tuple[str, ...] = ()
    zone_minutes: int = 0


def jittered(seconds: float, dice: Dice, *, share: float = 0.1) -> float:
    """The seconds, more or less a share of them."""
    return seconds * (1 + share * (2 * dice() - 1))


def wait_after(failures: int, dice: Dice, *, asked_seconds: float = 0) -> float:
    """The wait after so many failures in a row: doubling up to an hour, anywhere in its upper half; never less than asked."""
    longest = min(FIRST_WAIT_SECONDS * (1 << min(max(failures, 1) - 1, 20)), LONGEST_WAIT_SECONDS)
    own = longest / 2 + dice() * longest / 2
    return max(own, asked_seconds + dice() * min(asked_seconds * 0.25, 60.0))


def planned_before(
    at: int, *, send_at: str, agent: str, week: WeekPlan | None = None, zone: tzinfo | None = None
) -> int:
    """The last planned reading at or before a moment. `zone` is the machine's own when it is not given."""
    if week is not None and not send_at and any(week.times):
        return _planned_in_week(at, week)
    local = datetime.fromtimestamp(at, UTC).astimezone(zone)
    hour, minute = _time_of_day(send_at, agent)
    planned = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if planned > local:
        planned -= timedelta(days=1)
    return int(planned.timestamp())


def is_due(at: int, last: int, *, planned: int) -> bool:
    """Whether the planned reading was not made yet. A last one in the future, left by a wrong clock, is none."""
    return last <= 0 or last > at + 300 or last < planned


def is_missed(at: int, last: int, *, planned: int) -> bool:
    """Whether the reading that is due should have been made long ago: the machine was off."""
    return last > 0 and at - planned > MISSED_SECONDS


def _planned_in_week(at: int, week: WeekPlan) -> int:
    local = datetime.fromtimestamp(at, UTC).astimezone(timezone(timedelta(minutes=week.zone_minutes)))
    moments = []
    for back in range(WEEK_DAYS + 1):
        day = local - timedelta(days=back)
        if text := week.times[day.weekday()]:
            moments.append(day.replace(hour=int(text[:2]), minute=int(text[3:]), second=0, microsecond=0))
    return int(max(moment for moment in moments if moment <= local).timestamp())


def _time_of_day(send_at: str, agent: str) -> tuple[int, int]:
    if send_at:
        return int(send_at[:2]), int(send_at[3:])
    minutes = int.from_bytes(hashlib.sha256(agent.encode()).digest()[:4], "big") % SPREAD_MINUTES
    return FIRST_HOUR + minutes // 60, minutes % 60
