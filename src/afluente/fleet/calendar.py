"""Which days a municipality works: national and state holidays, optional days, bridges, and what people told us.

Invariant: what stands in the table of exceptions wins, the nearer one first (municipality, state, country), in both
directions: a municipal holiday is one, and a workday on a Saturday is a workday.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal

import sqlalchemy as sa

from afluente.core.errors import ProjectError
from afluente.state.fleet_schema import HOLIDAYS
from afluente.state.upsert import upsert

Kind = Literal["workday", "weekend", "holiday", "optional", "bridge"]
Level = Literal["", "national", "state", "municipal"]
OverrideKind = Literal["holiday", "optional", "workday"]
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class DayKind:
    """What a day is for a municipality. `level` says whose holiday it is."""

    kind: Kind
    name: str = ""
    level: Level = ""

    @property
    def is_work(self) -> bool:
        return self.kind == "workday"


@dataclass(frozen=True, slots=True)
class KnownDay:
    """A day that the calendar does not know. An empty municipality is the country, two letters a state."""

    municipality: str
    day: date
    name: str
    kind: OverrideKind


WORKDAY = DayKind("workday")
WEEKEND = DayKind("weekend")


class FleetCalendar:
    """The calendar of every municipality."""

    def __init__(self, exceptions: Iterable[KnownDay] = ()) -> None:
        self._exceptions = {(one.municipality, one.day): one for one in exceptions}
        self._municipalities = frozenset(place for place, _ in self._exceptions)
        self._lags: dict[tuple[str, str, date, date], int] = {}

    @classmethod
    def read(cls, connection: sa.Connection) -> FleetCalendar:
        """With the exceptions that stand in the state."""
        rows = connection.execute(sa.select(HOLIDAYS.c.municipality, HOLIDAYS.c.day, HOLIDAYS.c.name, HOLIDAYS.c.kind))
        return cls(KnownDay(row.municipality, row.day, row.name, row.kind) for row in rows)

    def kind_of(self, day: date, *, municipality: str, uf: str) -> DayKind:
        """What the day is there."""
        plain = self._plain(day, municipality=municipality, uf=uf)
        if plain.kind == "workday" and self._is_bridge(day, municipality=municipality, uf=uf):
            return DayKind("bridge", "ponte de feriado")
        return plain

    def workdays_between(self, first: date, last: date, *, municipality: str, uf: str) -> int:
        """How many days of work lie after `first` up to `last`, counted for at most 90 days back."""
        place = municipality if municipality in self._municipalities else ""
        key = (place, uf, first, last)
        if key not in self._lags:
            days = min(max((last - first).days, 0), 90)
            span = (last - timedelta(days=back) for back in range(days))
            self._lags[key] = sum(self._plain(day, municipality=municipality, uf=uf).is_work for day in span)
        return self._lags[key]

    def _plain(self, day: date, *, municipality: str, uf: str) -> DayKind:
        levels: tuple[tuple[str, Level], ...] = ((municipality, "municipal"), (uf, "state"), ("", "national"))
        for place, level in levels:
            told = self._exceptions.get((place, day))
            if told is not None:
                return WORKDAY if told.kind == "workday" else DayKind(told.kind, told.name, level)
        known = _known_days(day.year, uf).get(day)
        if known is not None and known.kind == "holiday":
            return known
        if day.weekday() >= SATURDAY:
            return WEEKEND
        return known or WORKDAY

    def _is_bridge(self, day: date, *, municipality: str, uf: str) -> bool:
        """A Friday after a holiday or an optional day, or a Monday before one."""
        offset = {4: -1, 0: 1}.get(day.weekday())
        if offset is None or (municipality, day) in self._exceptions:
            return False
        return self._plain(day + timedelta(days=offset), municipality=municipality, uf=uf).kind in (
            "holiday",
            "optional",
        )


def keep(connection: sa.Connection, exceptions: Iterable[KnownDay], *, by: str) -> int:
    """Keep days that the calendar does not know; one of the same place and day is replaced. Needs a write transaction."""
    rows = [
        {"municipality": one.municipality, "day": one.day, "name": one.name, "kind": one.kind, "by_whom": by}
        for one in exceptions
    ]
    upsert(connection, HOLIDAYS, rows)
    return len(rows)


@lru_cache(maxsize=256)
def _known_days(year: int, uf: str) -> dict[date, DayKind]:
    """The holidays and optional days that the package knows. An unknown state has the national ones."""
    try:
        from holidays.countries.brazil import Brazil
    except ImportError as error:
        raise ProjectError(
            "fleet.no_calendar", "the package 'holidays' is not installed", hint='pip install "afluente[fleet]"'
        ) from error
    national = Brazil(years=year, language="pt_BR")
    days: dict[date, DayKind] = {}
    subdivision = uf if uf in Brazil.subdivisions else None
    for category in ("optional", "public"):
        told = Brazil(subdiv=subdivision, years=year, language="pt_BR", categories=(category,))
        for day, name in told.items():
            if category == "optional":
                days[day] = DayKind("optional", name, "national")
            else:
                days[day] = DayKind("holiday", name, "national" if day in national else "state")
    return days
