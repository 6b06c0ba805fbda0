"""The fleet as of now: which sites sent, which are late, which are silent, why, and what to do.

Invariant: nothing is written; what is told is judged from the state at the moment asked for, so it is never old.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, get_args

from afluente.fleet.calendar import FleetCalendar
from afluente.fleet.diagnosis.observe import observe
from afluente.fleet.diagnosis.rules import judge
from afluente.fleet.diagnosis.verdict import Verdict
from afluente.fleet.diagnosis.view import SiteView
from afluente.state.database import Database

Standing = Literal["sent", "waiting", "late", "silent", "excused", "not_installed"]
STANDINGS: tuple[Standing, ...] = get_args(Standing)
EXCUSES = ("inactivity.outside_hours",)


@dataclass(frozen=True, slots=True)
class SiteLine:
    """A site on the day. `verdict` says why it did not send, or what fails although it did.

    `standing`: sent; waiting (alive, and there is time); late (alive, or a part came); silent (no sign); excused (there
    is nothing to do: a holiday, before its hour); not_installed.
    """

    site: str
    name: str
    uf: str
    standing: Standing
    last_seen_at: datetime | None
    last_sent_at: datetime | None
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Summary:
    day: date
    at: datetime
    sites: tuple[SiteLine, ...]

    def counts(self) -> Mapping[Standing, int]:
        """How many sites stand how, each standing once."""
        counted = Counter(line.standing for line in self.sites)
        return {standing: counted[standing] for standing in STANDINGS}

    def reasons(self) -> list[tuple[str, int]]:
        """The codes of the verdicts with how many sites have each, the most frequent first."""
        counted = Counter(line.verdict.code for line in self.sites if line.verdict is not None)
        return sorted(counted.items(), key=lambda reason: (-reason[1], reason[0]))

    def to_do(self) -> tuple[SiteLine, ...]:
        """The sites for which somebody has to do something."""
        return tuple(
            line for line in self.sites if line.verdict is not None and line.verdict.action not in ("nothing", "wait")
        )


def summarise(database: Database, *, day: date, at: datetime, site: str = "") -> Summary:
    """Every site (or one) on the day, as it stands at `at`."""
    with database.read() as connection:
        calendar = FleetCalendar.read(connection)
        views = observe(connection, day=day, at=at, calendar=calendar, sites=[site] if site else None)
    return Summary(day, at, tuple(map(_line, views)))


def _line(view: SiteView) -> SiteLine:
    verdict = judge(view)
    return SiteLine(
        view.site, view.name, view.uf, _standing(view, verdict), view.last_seen_at, view.last_sent_at, verdict
    )


def _standing(view: SiteView, verdict: Verdict | None) -> Standing:
    if view.is_sent:
        return "sent"
    if view.enrolled_at is None:
        return "not_installed"
    if verdict is not None and (verdict.action == "nothing" or verdict.code in EXCUSES):
        return "excused"
    if view.is_alive:
        return "waiting" if verdict is None else "late"
    return "late" if view.sent_lists else "silent"
