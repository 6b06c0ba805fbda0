"""What is known of a site when it is judged: nothing else is asked, so that a rule is a pure function.

Invariant: a view holds what was true for one local day up to one moment; times are aware.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from afluente.fleet.calendar import WORKDAY, DayKind

USUAL_HOURS = frozenset(range(8, 17))
"""When a municipality's office works, until its hours were learned."""
SILENT_AFTER = timedelta(minutes=60)
"""Four heartbeats without one."""
FAULT_GRACE = timedelta(hours=1)
"""After a fault of ours ended, agents come back spread over this time."""
FAULT_EDGE = timedelta(minutes=15)
SEND_PATIENCE = timedelta(hours=4)
"""How long after its usual hour an agent that is alive may take: the morning is spread."""


@dataclass(frozen=True, slots=True)
class SeenFact:
    code: str
    at: datetime
    evidence: Mapping[str, str] = field(default_factory=dict)
    received_at: datetime | None = None
    origin: str = "agent"


@dataclass(frozen=True, slots=True)
class SeenTransmission:
    id: str
    list_name: str
    state: str
    started_at: datetime
    landed_at: datetime | None
    loaded_at: datetime | None
    error_code: str
    size_bytes: int
    offset: int
    moved_at: datetime


@dataclass(frozen=True, slots=True)
class UnitFreshness:
    """A health unit's newest day in the lists, and how many days of work that is behind."""

    cnes: str
    newest: date
    workdays_behind: int


@dataclass(frozen=True, slots=True)
class HubFault:
    """A time in which we were the trouble; `until` is None while it goes on."""

    code: str
    since: datetime
    until: datetime | None = None
    evidence: Mapping[str, str] = field(default_factory=dict)

    def covers(self, moment: datetime, *, after: timedelta = FAULT_GRACE) -> bool:
        return self.since - FAULT_EDGE <= moment and (self.until is None or moment <= self.until + after)


@dataclass(frozen=True, slots=True)
class Peers:
    """The sites that should be on now, and how many of them are silent: everywhere, and in the same state."""

    fleet: int = 0
    fleet_silent: int = 0
    uf: int = 0
    uf_silent: int = 0


@dataclass(frozen=True, slots=True)
class RolloutStep:
    version: str
    status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SiteView:
    """A site on a local day, seen at a moment. `facts` are the newest first."""

    site: str
    municipality: str
    uf: str
    name: str
    status: str
    day: date
    at: datetime
    timezone: ZoneInfo
    day_kind: DayKind = WORKDAY
    usual_hours: frozenset[int] = USUAL_HOURS
    is_learned: bool = False
    enrolled_at: datetime | None = None
    last_seen_at: datetime | None = None
    is_suspended: bool = False
    clock_offset_seconds: int = 0
    waiting_bytes: int = 0
    expected_lists: frozenset[str] = frozenset()
    sent_lists: frozenset[str] = frozenset()
    last_sent_at: datetime | None = None
    transmissions: tuple[SeenTransmission, ...] = ()
    units: tuple[UnitFreshness, ...] = ()
    facts: tuple[SeenFact, ...] = ()
    hub_faults: tuple[HubFault, ...] = ()
    peers: Peers = Peers()
    rollout: RolloutStep | None = None

    @property
    def begins_at(self) -> datetime:
        return datetime.combine(self.day, time(), self.timezone)

    @property
    def ends_at(self) -> datetime:
        return datetime.combine(self.day + timedelta(days=1), time(), self.timezone)

    @property
    def opens_at(self) -> datetime:
        """When the site is usually turned on that day."""
        return datetime.combine(self.day, time(min(self.usual_hours, default=8)), self.timezone)

    @property
    def closes_at(self) -> datetime:
        return datetime.combine(self.day, time(max(self.usual_hours, default=16)), self.timezone) + timedelta(hours=1)

    @property
    def moment(self) -> datetime:
        """The moment that counts: now, or the end of the hours in which the site could have sent."""
        return min(self.at, max(self.closes_at, self.begins_at))

    @property
    def is_today(self) -> bool:
        return self.at < self.ends_at

    @property
    def is_sent(self) -> bool:
        """Every list that the site sends arrived that day."""
        return bool(self.sent_lists) and self.expected_lists <= self.sent_lists

    @property
    def is_seen(self) -> bool:
        """A sign of life reached us that day."""
        if self.sent_lists or self._is_that_day(self.last_seen_at):
            return True
        return any(self._is_that_day(fact.received_at) and fact.origin == "agent" for fact in self.facts)

    @property
    def is_alive(self) -> bool:
        """Heartbeats come now."""
        return self.last_seen_at is not None and self.at - self.last_seen_at <= SILENT_AFTER

    @property
    def fault(self) -> HubFault | None:
        """The trouble of ours that covers the moment: the gravest kind first, as they stand."""
        return next((fault for fault in self.hub_faults if fault.covers(self.moment)), None)

    def unsolved(
        self, codes: Iterable[str], *, undone_by: Iterable[str] = (), is_of_line: bool = False
    ) -> tuple[SeenFact, ...]:
        """The facts of these codes that nothing since has undone: no sending, no later fact that says so.

        A sending of some lists undoes what was wrong with the line, not why the others did not come.
        """
        wanted, undoing = frozenset(codes), frozenset(undone_by)
        undone_at = max((fact.at for fact in self.facts if fact.code in undoing), default=None)
        is_part = bool(self.sent_lists) and not self.is_sent and not is_of_line
        sent_at = self.begins_at if is_part else self.last_sent_at
        since = max((moment for moment in (sent_at, undone_at) if moment is not None), default=None)
        return tuple(fact for fact in self.facts if fact.code in wanted and (since is None or fact.at > since))

    def told(self, codes: Iterable[str]) -> tuple[SeenFact, ...]:
        """The facts of these codes of that day, whatever was sent."""
        wanted = frozenset(codes)
        return tuple(fact for fact in self.facts if fact.code in wanted and fact.at >= self.begins_at)

    def _is_that_day(self, moment: datetime | None) -> bool:
        return moment is not None and self.begins_at <= moment < self.ends_at
