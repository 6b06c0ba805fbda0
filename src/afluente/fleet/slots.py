"""Whether a site may send now, and otherwise when it should come back: decisions without a database.

Invariant: no slot is given beyond the limit; a site turned away often enough keeps a slot free for itself against all
that began to wait after it, so that nobody waits for ever; a site that stopped asking holds nothing back.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from afluente.fleet.activity import ActiveHours

SPREAD_MOST = timedelta(hours=12)
SHORT_STAY = timedelta(minutes=30)
LAST_MINUTES_FREE = 5
"""No site is told a moment so near the end of its hours that it may be off before it has sent."""


@dataclass(frozen=True, slots=True)
class SlotSettings:
    """How long a slot is held at most and how long a wait may be.

    `grace_seconds` after its moment a reservation goes before younger ones; `lapse_seconds` after it, it protects
    nothing any more; after `forget_seconds` the site is a new one in the queue.
    """

    slot_seconds: float = 180
    typical_seconds: float = 10
    least_wait_seconds: float = 2
    longest_wait_seconds: float = 1800
    grace_seconds: float = 3
    lapse_seconds: float = 120
    forget_seconds: float = 3600
    protected_after: int = 6


@dataclass(frozen=True, slots=True)
class Waiting:
    """A site in the queue. `turned_away` counts how often it came at its moment and found no slot."""

    site: str
    waiting_since: datetime
    reserved_for: datetime
    turned_away: int = 0


@dataclass(frozen=True, slots=True)
class Crowd:
    """What a site that asks finds: slots held, and who began to wait before it.

    `due` are those whose moment has just come, `protected` those turned away too often, `queued` all of them.
    """

    held: int
    due: int = 0
    protected: int = 0
    queued: int = 0


@dataclass(frozen=True, slots=True)
class Granted:
    """The site may send."""


Decision = Granted | Waiting


def decide(
    site: str,
    own: Waiting | None,
    crowd: Crowd,
    *,
    limit: int,
    now: datetime,
    remaining: timedelta,
    chance: float,
    typical_seconds: float,
    settings: SlotSettings,
) -> Decision:
    """A slot, or the reservation to keep. `remaining` is how long the site usually stays on; `chance` is in [0, 1)."""
    kept_free = min(crowd.protected, max(1, limit // 2))
    if crowd.held + crowd.due + kept_free < limit:
        return Granted()
    if own is not None and now < own.reserved_for:
        return own
    wait = _wait(crowd, limit, remaining, chance, typical_seconds, settings)
    reserved_for = now + timedelta(seconds=math.ceil(wait))
    if own is None:
        return Waiting(site, now, reserved_for)
    return Waiting(site, own.waiting_since, reserved_for, own.turned_away + 1)


def _wait(
    crowd: Crowd, limit: int, remaining: timedelta, chance: float, typical_seconds: float, settings: SlotSettings
) -> float:
    """Seconds until the site's turn, sooner for one that will soon be off, later for one that stays on for long."""
    turn = (crowd.queued + 1) * typical_seconds / max(1, limit)
    stay = max(remaining, SHORT_STAY)
    patience = 0.5 + min(1.0, stay / SPREAD_MOST)
    spread = (turn * patience + settings.least_wait_seconds) * (0.75 + chance / 2)
    longest = min(settings.longest_wait_seconds, stay.total_seconds() * 0.8)
    return max(settings.least_wait_seconds, min(spread, longest * (0.75 + chance / 4)))


def daily_time(hours: ActiveHours, site: str, day: date) -> time | None:
    """A site's own moment to send on a day, always the same, spread over the hours in which it is usually on.

    None when it is usually off all that day, or nothing is known.
    """
    weights = {hour: hours.weights[day.weekday() * 24 + hour] for hour in hours.hours_of_day(day.weekday())}
    if not weights:
        return None
    place = int.from_bytes(hashlib.sha256(site.encode()).digest()[:8], "big") / 2**64 * sum(weights.values())
    for hour, weight in weights.items():
        if place < weight:
            minutes = 60 if hour + 1 in weights else 60 - LAST_MINUTES_FREE
            return time(hour, min(minutes - 1, int(place / weight * minutes)))
        place -= weight
    return time(max(weights), 59 - LAST_MINUTES_FREE)
