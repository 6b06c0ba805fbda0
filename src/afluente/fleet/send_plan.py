"""A site's plan of the week: the moment of each day at which it reads and sends, learned from the hours it is on.

Invariant: a plan is made of what was seen in more than one week; while nothing new is known the plan stays, and a small
move of it is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from afluente.fleet.activity import ActiveHours, zone
from afluente.fleet.slots import daily_time
from afluente.state.json_value import Json

LEAST_WEIGHT = 1.5
"""The heaviest hour weighs this much when it was seen in two weeks, one soon after the other."""
MOVE_MINUTES = 45
"""A plan is told anew when the moment of a day moves by more than this, or a day comes or goes."""
DAYS = 7


@dataclass(frozen=True, slots=True)
class SendPlan:
    """`times` are HH:MM from Monday on, empty for a day on which the site is usually off, in a zone that lies
    `zone_minutes` east of UTC.
    """

    zone_minutes: int
    times: tuple[str, ...]

    def to_json(self) -> dict[str, Json]:
        return {"zone_minutes": self.zone_minutes, "times": list(self.times)}

    @classmethod
    def from_json(cls, value: Json) -> SendPlan | None:
        """The plan kept in the state; None where there is none."""
        if not isinstance(value, Mapping):
            return None
        minutes, times = value.get("zone_minutes"), value.get("times")
        if not isinstance(minutes, int) or not isinstance(times, list) or len(times) != DAYS:
            return None
        return cls(minutes, tuple(str(text) for text in times))


def learned_plan(hours: ActiveHours, site: str, *, at: datetime) -> SendPlan | None:
    """The plan for a site of which enough is known, else None."""
    if max(hours.weights.values(), default=0.0) < LEAST_WEIGHT:
        return None
    local = at.astimezone(zone(hours.timezone))
    monday = local.date() - timedelta(days=local.weekday())
    moments = [daily_time(hours, site, monday + timedelta(days=day)) for day in range(DAYS)]
    offset = local.utcoffset() or timedelta()
    return SendPlan(int(offset.total_seconds() // 60), tuple("" if one is None else f"{one:%H:%M}" for one in moments))


def settled_plan(before: SendPlan | None, learned: SendPlan | None) -> SendPlan | None:
    """The plan to hold to: the one before while nothing is learned or it moved by little."""
    if before is None or learned is None:
        return learned if before is None else before
    return learned if _has_moved(before, learned) else before


def _has_moved(before: SendPlan, now: SendPlan) -> bool:
    if before.zone_minutes != now.zone_minutes:
        return True
    for old, new in zip(before.times, now.times, strict=True):
        if bool(old) != bool(new) or (old and abs(_minutes(old) - _minutes(new)) > MOVE_MINUTES):
            return True
    return False


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])
