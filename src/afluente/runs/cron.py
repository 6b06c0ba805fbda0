"""Cron expressions as moments, in a time zone with its gaps and overlaps.

Invariant: moments strictly increase. A time that a gap swallows comes once, when the gap ends; a time that an
overlap repeats comes once, the first time. An expression for every hour follows the clock on the wall instead:
nothing in a gap, twice in an overlap, so that it stays hourly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from afluente.core.errors import ProjectError
from afluente.project.cron import cron_mistake

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_HOURS_OF_DAY = 24
_DAYS_OF_WEEK = 7
_LONGEST_WAIT_DAYS = 366 * 41
"""29 February on a given day of the week may be forty years away, where a century has no leap day."""


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression. Days match by month day or by week day when both are restricted, else by both."""

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    month_days: frozenset[int]
    months: frozenset[int]
    week_days: frozenset[int]
    is_either_day: bool

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Read minute, hour, day of month, month, day of week (0 and 7 are Sunday). Raises ProjectError."""
        mistake = cron_mistake(text)
        if mistake is not None:
            raise ProjectError("project.cron", mistake, hint='such as "0 6 * * *": every day at six')
        minute, hour, month_day, month, week_day = text.lower().split()
        return cls(
            text=text,
            minutes=_numbers(minute, 0, 59),
            hours=_numbers(hour, 0, 23),
            month_days=frozenset(_numbers(month_day, 1, 31)),
            months=frozenset(_numbers(month, 1, 12, words=_MONTHS, first_word=1)),
            week_days=frozenset(day % _DAYS_OF_WEEK for day in _numbers(week_day, 0, 7, words=_DAYS)),
            is_either_day=not month_day.startswith("*") and not week_day.startswith("*"),
        )

    def next_after(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """The first tick after a moment, in UTC."""
        first_day = moment.astimezone(zone).date() - timedelta(days=1)
        for day in _days(first_day, step=1):
            if self._matches(day) and (found := self._ticks_from(day, zone, moment)):
                return found[0]
        raise ProjectError("project.cron", f"cron {self.text!r} never comes")

    def latest(self, *, after: datetime, until: datetime, zone: ZoneInfo) -> datetime | None:
        """The last tick that is later than `after` and not later than `until`; None when there is none."""
        first_day = until.astimezone(zone).date() + timedelta(days=1)
        last_day = after.astimezone(zone).date() - timedelta(days=1)
        best: datetime | None = None
        for day in _days(first_day, step=-1):
            if day < last_day or (best is not None and day < best.astimezone(zone).date() - timedelta(days=1)):
                break
            if self._matches(day):
                found = [tick for tick in self.ticks_of(day, zone) if after < tick <= until]
                best = max([*found, best] if best is not None else found, default=None)
        return best

    def ticks_of(self, day: date, zone: ZoneInfo) -> list[datetime]:
        """The ticks of one day of the calendar, in UTC and in order."""
        if not self._matches(day):
            return []
        ticks: set[datetime] = set()
        is_hourly = len(self.hours) == _HOURS_OF_DAY
        for hour in self.hours:
            for minute in self.minutes:
                wall = datetime.combine(day, time(hour, minute))
                first = wall.replace(tzinfo=zone).astimezone(UTC)
                if first.astimezone(zone).replace(tzinfo=None) != wall:
                    if not is_hourly:
                        ticks.add(_end_of_gap(wall, zone))
                    continue
                ticks.add(first)
                if is_hourly:
                    ticks.add(wall.replace(tzinfo=zone, fold=1).astimezone(UTC))
        return sorted(ticks)

    def _ticks_from(self, day: date, zone: ZoneInfo, moment: datetime) -> list[datetime]:
        """Ticks after a moment of a day and of the one before the next: an overlap at midnight mixes them."""
        ticks = self.ticks_of(day, zone) + self.ticks_of(day + timedelta(days=1), zone)
        return sorted(tick for tick in set(ticks) if tick > moment)

    def _matches(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        is_month_day = day.day in self.month_days
        is_week_day = day.isoweekday() % _DAYS_OF_WEEK in self.week_days
        return is_month_day or is_week_day if self.is_either_day else is_month_day and is_week_day


def _days(first: date, *, step: int) -> Iterator[date]:
    return (first + timedelta(days=step * number) for number in range(_LONGEST_WAIT_DAYS))


def _end_of_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment the clock jumps over `wall`, which it never shows. Source: PEP 495, the folds of a gap."""
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    late = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    before = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = (early + (late - early) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late


def _numbers(text: str, low: int, high: int, *, words: tuple[str, ...] = (), first_word: int = 0) -> tuple[int, ...]:
    found: set[int] = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        if span == "*":
            first, last = low, high
        else:
            start, _, end = span.partition("-")
            first = _number(start, words, first_word)
            last = _number(end, words, first_word) if end else (high if step else first)
        found.update(range(first, last + 1, int(step or 1)))
    return tuple(sorted(found))


def _number(text: str, words: tuple[str, ...], first_word: int) -> int:
    return words.index(text) + first_word if text in words else int(text)
