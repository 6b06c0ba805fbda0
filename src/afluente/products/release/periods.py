"""Which days an output tells in a release.

Invariant: only whole periods are told: a day that has ended, a month of which every day has. A period has ended when
it is over by the clock, in the project's time zone, and the data reach its last day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from afluente.project.product import Grain

Days = tuple[date, date]


@dataclass(frozen=True, slots=True)
class DataSpan:
    """The first day with rows of the output, and the newest day with rows of any kind in its facts."""

    first: date
    newest: date


def periods_to_tell(
    grain: Grain, span: DataSpan | None, *, today: date, told_until: date | None = None, asked: Days | None = None
) -> Days | None:
    """First and last day to tell; None when there is no whole period.

    Without `asked`: what is complete and follows `told_until`. With it: the whole periods between its days, told
    before or not.
    """
    if span is None:
        return None
    first, last = span.first, min(span.newest, today - timedelta(days=1))
    if asked is not None:
        first, last = max(asked[0], _start(grain, span.first)), min(asked[1], last)
    elif told_until is not None:
        first = max(first, told_until + timedelta(days=1))
    if grain == "month":
        if asked is not None and first.day != 1:
            first = first_of_next_month(first)
        first, last = first.replace(day=1), _last_whole_month(last)
    return (first, last) if first <= last else None


def first_of_next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _start(grain: Grain, day: date) -> date:
    """The day its period begins."""
    return day.replace(day=1) if grain == "month" else day


def _last_whole_month(day: date) -> date:
    """The last day of the newest month that has ended with this day or before it."""
    next_day = day + timedelta(days=1)
    return next_day.replace(day=1) - timedelta(days=1)
