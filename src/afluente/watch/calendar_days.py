"""Days that are not like others: Brazilian holidays, national and of a state.

Invariant: `holidays` is imported when the first day is asked for, and a year is computed once.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

from afluente.core.errors import ProjectError
from afluente.core.nearest import did_you_mean


@lru_cache(maxsize=256)
def holidays_of(year: int, *, state: str = "", has_optional: bool = True) -> frozenset[date]:
    """The holidays of a year: national ones, those of `state` (such as SP), and optional ones (Carnival, Corpus
    Christi, the eves). ProjectError when the state does not exist or `holidays` is not installed.
    """
    try:
        from holidays.countries.brazil import Brazil
    except ImportError:
        raise ProjectError(
            "watch.extra_missing",
            "holidays are not known: the package 'holidays' is not installed",
            hint="pip install 'afluente[products]'",
        ) from None
    if state and state not in Brazil.subdivisions:
        raise ProjectError(
            "watch.state_unknown",
            f"{state!r} is no state of Brazil",
            hint=did_you_mean(state, Brazil.subdivisions),
        )
    categories = ("public", "optional") if has_optional else ("public",)
    days = Brazil(subdiv=state or None, years=year, categories=categories)
    return frozenset(days)


def is_holiday(day: date, *, state: str = "", has_optional: bool = True) -> bool:
    return day in holidays_of(day.year, state=state, has_optional=has_optional)


def is_last_of_month(day: date) -> bool:
    return (day + timedelta(days=1)).day == 1
