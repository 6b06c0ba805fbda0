"""A fleet in a state database with a trouble put into it: the data of a situation, and how it is injected.

Invariant: everything that is not injected is an ordinary Wednesday: every list came on the last days of work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from afluente.fleet.calendar import KnownDay, keep
from afluente.state.database import Database
from afluente.state.fleet_schema import (
    ACTIVITY,
    AGENTS,
    FACTS,
    ROLLOUT_AGENTS,
    ROLLOUTS,
    SITES,
    TRANSMISSIONS,
)

ZONE = "America/Sao_Paulo"
DAY = date(2026, 9, 16)
LISTS = ("gestantes", "hipertensao")
SITE = "3509502"


@dataclass(frozen=True)
class Told:
    """A fact: `at` is "HH:MM" of the day, with "-1 " or "+1 " before it for another day."""

    code: str
    at: str = "08:10"
    evidence: Mapping[str, str] = field(default_factory=dict)
    received: str = ""
    origin: str = "agent"


@dataclass(frozen=True)
class Sent:
    """Transmissions of that day, one for each of `lists`."""

    lists: tuple[str, ...] = LISTS
    at: str = "08:20"
    state: str = "loaded"
    error: str = ""
    share: float = 1.0
    freshness: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Others:
    """Further sites, of a state, alive or silent since the day before."""

    count: int
    uf: str
    is_silent: bool


@dataclass(frozen=True)
class Situation:
    """What is injected, and the verdict that is right; an empty one is none."""

    name: str
    right: str
    day: date = DAY
    now: str = "10:30"
    seen: str = "10:25"
    """The last heartbeat; empty: never."""
    facts: tuple[Told, ...] = ()
    hub: tuple[Told, ...] = ()
    sent: tuple[Sent, ...] = ()
    others: tuple[Others, ...] = ()
    days: tuple[KnownDay, ...] = ()
    uf: str = "SP"
    timezone: str = ZONE
    hours: tuple[int, ...] = tuple(range(8, 17))
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4)
    status: str = "active"
    is_enrolled: bool = True
    is_suspended: bool = False
    rollout: tuple[str, str] | None = None
    """Its status for the agent, and since when."""

    @property
    def at(self) -> datetime:
        return moment(self.day, self.now, self.timezone)


def moment(day: date, text: str, timezone: str = ZONE) -> datetime:
    """ "HH:MM" of the day, or of another with its offset before it, in UTC."""
    offset, _, clock = text.rpartition(" ")
    hour, minute = map(int, clock.split(":"))
    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(timezone))
    return (local + timedelta(days=int(offset or 0))).astimezone(UTC)


def inject(database: Database, one: Situation) -> None:
    with database.write() as connection:
        connection.execute(sa.insert(SITES), [_site(SITE, one.uf, one.status, one.timezone, one.day)])
        if one.is_enrolled:
            seen = moment(one.day, one.seen, one.timezone) if one.seen else None
            _agent(connection, SITE, one.day, seen, "suspended" if one.is_suspended else "active")
            _past(connection, one)
        _activity(connection, one)
        number = 0
        for other in one.others:
            for _ in range(other.count):
                number += 1
                name = f"other-{number}"
                connection.execute(sa.insert(SITES), [_site(name, other.uf, "active", one.timezone, one.day)])
                seen = moment(one.day, "-1 15:00") if other.is_silent else one.at - timedelta(minutes=5)
                _agent(connection, name, one.day, seen, "active")
        for fact in one.facts:
            put_fact(connection, one, fact, SITE)
        for fact in one.hub:
            put_fact(connection, one, fact, "*")
        for sent in one.sent:
            put_transmissions(connection, one, sent)
        if one.days:
            keep(connection, one.days, by="ana")
        if one.rollout is not None:
            _rollout(connection, one)


def _site(name: str, uf: str, status: str, timezone: str, day: date) -> dict[str, object]:
    return {
        "id": name,
        "municipality": name,
        "uf": uf,
        "name": f"Município {name}",
        "status": status,
        "ring": "general",
        "timezone": timezone,
        "contact": "",
        "settings": {},
        "created_at": moment(day, "-60 09:00"),
    }


def _agent(connection: sa.Connection, site: str, day: date, seen: datetime | None, status: str) -> None:
    connection.execute(
        sa.insert(AGENTS).values(
            id=f"agent-{site}",
            site=site,
            status=status,
            install_id=f"install-{site}",
            machine_hash="m",
            disk_hash="d",
            machine={},
            enrolled_at=moment(day, "-60 10:00"),
            last_seen_at=seen,
            sequence=10,
            heartbeat={"clock_offset_seconds": 1, "spool": {"waiting_bytes": 0}},
            configuration_version=1,
            catalogue_version=1,
            agent_version="1.0.0",
            pec_version="5.3.1",
            replaced_by=None,
        )
    )


def _past(connection: sa.Connection, one: Situation) -> None:
    """Every list on the days of work of the week before."""
    for back in range(1, 8):
        day = one.day - timedelta(days=back)
        if day.weekday() < 5:
            for name in LISTS:
                at = moment(day, "08:20", one.timezone)
                _transmission(connection, f"past-{back}-{name}", name, at, "loaded", "", 1.0, {})


def _activity(connection: sa.Connection, one: Situation) -> None:
    rows = [
        {"site": SITE, "weekday": weekday, "hour": hour, "weight": 4.0, "updated_at": one.at - timedelta(days=3)}
        for weekday in one.weekdays
        for hour in one.hours
    ]
    if rows:
        connection.execute(sa.insert(ACTIVITY), rows)


def put_fact(connection: sa.Connection, one: Situation, fact: Told, site: str) -> None:
    at = moment(one.day, fact.at, one.timezone)
    received = moment(one.day, fact.received, one.timezone) if fact.received else at
    connection.execute(
        sa.insert(FACTS).values(
            site=site,
            agent=None if site == "*" else f"agent-{site}",
            code=fact.code,
            at=at,
            received_at=received,
            origin="hub" if site == "*" else fact.origin,
            evidence=dict(fact.evidence),
        )
    )


def put_transmissions(connection: sa.Connection, one: Situation, sent: Sent) -> None:
    for name in sent.lists:
        at = moment(one.day, sent.at, one.timezone)
        identity = f"{one.day}-{name}-{sent.at}"
        _transmission(connection, identity, name, at, sent.state, sent.error, sent.share, sent.freshness)


def _transmission(
    connection: sa.Connection,
    identity: str,
    list_name: str,
    at: datetime,
    state: str,
    error: str,
    share: float,
    freshness: Mapping[str, str],
) -> None:
    connection.execute(
        sa.insert(TRANSMISSIONS).values(
            id=identity,
            site=SITE,
            agent=f"agent-{SITE}",
            list_name=list_name,
            kind="delta",
            base="",
            rows=10,
            size_bytes=1000,
            sha256="",
            start={"freshness": dict(freshness)},
            state=state,
            offset=int(1000 * share),
            started_at=at,
            landed_at=None if state == "receiving" else at + timedelta(minutes=2),
            loaded_at=at + timedelta(minutes=3) if state == "loaded" else None,
            attempts=1,
            error_code=error or None,
        )
    )


def _rollout(connection: sa.Connection, one: Situation) -> None:
    assert one.rollout is not None
    status, at = one.rollout
    began = moment(one.day, at, one.timezone)
    connection.execute(
        sa.insert(ROLLOUTS).values(
            id="r",
            version="1.1.0",
            status="going",
            ring="general",
            rings=["general"],
            started_at=began,
            ring_started_at=began,
            by_whom="ana",
            reason="",
        )
    )
    connection.execute(
        sa.insert(ROLLOUT_AGENTS).values(
            rollout="r", agent=f"agent-{SITE}", ring="general", status=status, at=began, detail=""
        )
    )
