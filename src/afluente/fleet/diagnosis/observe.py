"""What the state knows of all sites on a day, as views: a few queries, however many sites.

Invariant: nothing is written, and a view holds only what was true up to `at`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from afluente.fleet.activity import IS_ON_SHARE, decayed, zone
from afluente.fleet.calendar import FleetCalendar
from afluente.fleet.diagnosis.hub_faults import faults_of, gravest_first
from afluente.fleet.diagnosis.shared_faults import shared_faults
from afluente.fleet.diagnosis.view import (
    SILENT_AFTER,
    USUAL_HOURS,
    HubFault,
    Peers,
    RolloutStep,
    SeenFact,
    SeenTransmission,
    SiteView,
    UnitFreshness,
)
from afluente.fleet.uploads import IDLE_DAYS
from afluente.state.fleet_schema import (
    ACTIVITY,
    ADMISSION,
    AGENTS,
    FACTS,
    ROLLOUT_AGENTS,
    ROLLOUTS,
    SITES,
    TRANSMISSIONS,
)
from afluente_agent.protocol import fact_codes

LOOK_BACK = timedelta(days=5)
LOOK_AHEAD = timedelta(hours=36)
EXPECTED_WITHIN = timedelta(days=7)
SAME_SENDING = timedelta(hours=20)
"""The lists of the last day of sending are expected again: one that is no longer agreed is not waited for."""
LEARNED_WEIGHT = 2.5
"""A site's hours are trusted once its heaviest was seen in about three weeks."""
LOST_AFTER = timedelta(days=7)
"""A site silent for longer says nothing about the others."""
SLOW_TIMES = 10.0
DAY_OF_ALL_ZONES = timedelta(hours=29)
"""From midnight in UTC to the end of the day in Brazil's westernmost zone."""
FOUND_AFTERWARDS = frozenset(
    (
        fact_codes.SERVICE_WATCHDOG_RESTORED_TASK,
        fact_codes.SERVICE_RESTORED,
        fact_codes.TASK_MISSING,
        fact_codes.SERVICE_DISABLED,
        fact_codes.SERVICE_STOPPED,
        fact_codes.AGENT_TASK_CHANGED,
        fact_codes.SERVICE_CRASHED,
        fact_codes.UPDATE_CRASH_LOOP,
        fact_codes.AV_FILE_REMOVED,
        fact_codes.AGENT_RUNTIME,
        fact_codes.FOLDER_SETTINGS_CHANGED,
        fact_codes.POWER_UNCLEAN_STOP,
        fact_codes.SPOOL_UNFINISHED,
        fact_codes.POWER_BOOT,
        fact_codes.POWER_SUSPENDED,
        fact_codes.POWER_OFF,
        fact_codes.SITE_MIGRATION,
        fact_codes.SITE_MACHINE_CHANGED,
        fact_codes.SITE_SEQUENCE_BACK,
    )
)
"""What an agent or the hub finds when a site comes back, and that explains the day before."""
_CNES = re.compile(r"[0-9]{7}")


@dataclass(slots=True)
class _Sent:
    """The lists of a site: what arrived on the day, what is usual, and what is under way."""

    expected: set[str] = field(default_factory=set)
    arrived: set[str] = field(default_factory=set)
    last_at: datetime | None = None
    transmissions: list[SeenTransmission] = field(default_factory=list)
    freshness: dict[str, date] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Speaker:
    """The agent that speaks for a site."""

    id: str
    status: str
    enrolled_at: datetime
    last_seen_at: datetime | None
    heartbeat: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Span:
    """The day in UTC, wide enough for every time zone; `until` is the last moment that is looked at."""

    day: date
    at: datetime
    begins_at: datetime
    until: datetime


def observe(
    connection: sa.Connection,
    *,
    day: date,
    at: datetime,
    calendar: FleetCalendar,
    sites: Collection[str] | None = None,
) -> list[SiteView]:
    """A view of each site that takes part (of `sites` only, where they are given), in the order of their ids."""
    midnight = datetime.combine(day, time(), UTC)
    span = _Span(day, at, midnight - timedelta(hours=14), min(at, midnight + timedelta(days=1) + LOOK_AHEAD))
    rows = connection.execute(
        sa.select(SITES).where(SITES.c.status.in_(("invited", "active"))).order_by(SITES.c.id)
    ).all()
    agents = _agents(connection)
    facts = _facts(connection, span)
    heard = [row.last_seen_at for row in agents.values() if row.last_seen_at is not None]
    hub_faults = (
        *faults_of(facts.get(fact_codes.ALL_SITES, ()), at=at, heard_at=heard),
        *_slow_admission(connection, at),
    )
    lively = sum(at - moment <= LOST_AFTER for moment in heard)
    shared = shared_faults(facts, sites=lively, since=midnight, at=min(at, midnight + DAY_OF_ALL_ZONES))
    hub_faults = gravest_first((*hub_faults, *shared))
    zones = {row.id: zone(row.timezone) for row in rows}
    sent = _transmissions(connection, span, zones)
    hours = _hours(connection, span)
    rollouts = _rollouts(connection)
    wanted = None if sites is None else frozenset(sites)
    views = []
    for row in rows:
        agent = agents.get(row.id)
        lists = sent.get(row.id) or _Sent()
        usual, is_learned = hours.get(row.id, (USUAL_HOURS, False))
        heartbeat = {} if agent is None else agent.heartbeat
        spool = heartbeat.get("spool") or {}
        view = SiteView(
            site=row.id,
            municipality=row.municipality,
            uf=row.uf,
            name=row.name,
            status=row.status,
            day=day,
            at=at,
            timezone=zones[row.id],
            day_kind=calendar.kind_of(day, municipality=row.municipality, uf=row.uf),
            usual_hours=usual,
            is_learned=is_learned,
            enrolled_at=None if agent is None else agent.enrolled_at,
            last_seen_at=None if agent is None else agent.last_seen_at,
            is_suspended=agent is not None and agent.status == "suspended",
            clock_offset_seconds=_whole(heartbeat.get("clock_offset_seconds")),
            waiting_bytes=_whole(spool.get("waiting_bytes")),
            expected_lists=frozenset(lists.expected),
            sent_lists=frozenset(lists.arrived),
            last_sent_at=lists.last_at,
            transmissions=tuple(lists.transmissions),
            units=_units(lists.freshness, row, day, calendar),
            hub_faults=hub_faults,
            rollout=None if agent is None else rollouts.get(agent.id),
        )
        views.append(replace(view, facts=_of_that_day(facts.get(row.id, ()), view)))
    with_peers = _with_peers(views)
    return [view for view in with_peers if wanted is None or view.site in wanted]


def _agents(connection: sa.Connection) -> Mapping[str, _Speaker]:
    """Of each site the agent that speaks: the newest active one, or else the newest suspended one."""
    query = (
        sa.select(
            AGENTS.c.site, AGENTS.c.id, AGENTS.c.status, AGENTS.c.enrolled_at, AGENTS.c.last_seen_at, AGENTS.c.heartbeat
        )
        .where(AGENTS.c.status.in_(("active", "suspended")))
        .order_by(AGENTS.c.status.desc(), AGENTS.c.enrolled_at)
    )
    return {site: _Speaker(*told) for site, *told in connection.execute(query)}


def _facts(connection: sa.Connection, span: _Span) -> Mapping[str, list[SeenFact]]:
    """Facts by site, the newest first."""
    query = (
        sa.select(FACTS.c.site, FACTS.c.code, FACTS.c.at, FACTS.c.received_at, FACTS.c.origin, FACTS.c.evidence)
        .where(FACTS.c.at >= span.begins_at - LOOK_BACK, FACTS.c.at <= span.until, FACTS.c.received_at <= span.at)
        .order_by(FACTS.c.at.desc(), FACTS.c.id.desc())
    )
    found: dict[str, list[SeenFact]] = defaultdict(list)
    for site, code, at, received_at, origin, evidence in connection.execute(query):
        moment = min(_last_alive(evidence) or at, at) if code == fact_codes.POWER_UNCLEAN_STOP else at
        found[site].append(SeenFact(code, moment, evidence, received_at, origin))
    return {site: sorted(mine, key=lambda fact: fact.at, reverse=True) for site, mine in found.items()}


def _last_alive(evidence: Mapping[str, str]) -> datetime | None:
    """When the machine was last known to be on: seconds since 1970, as the agent writes it."""
    try:
        return datetime.fromtimestamp(int(evidence.get("last_alive", "")), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _of_that_day(facts: Iterable[SeenFact], view: SiteView) -> tuple[SeenFact, ...]:
    """Facts up to the day's end, and what was found when the site came back."""
    kept = [fact for fact in facts if fact.at < view.ends_at or fact.code in FOUND_AFTERWARDS]
    return tuple(kept)


def _transmissions(connection: sa.Connection, span: _Span, zones: Mapping[str, ZoneInfo]) -> Mapping[str, _Sent]:
    """What each site sent on its day, and which lists are usual of it."""
    begins = {name: datetime.combine(span.day, time(), tz) for name, tz in zones.items()}
    found: defaultdict[str, _Sent] = defaultdict(_Sent)
    _note_usual(connection, span, begins, found)
    _note_sent(connection, span, begins, found)
    return found


def _note_usual(
    connection: sa.Connection, span: _Span, begins: Mapping[str, datetime], found: defaultdict[str, _Sent]
) -> None:
    newest = sa.func.max(TRANSMISSIONS.c.landed_at)
    usual = (
        sa.select(TRANSMISSIONS.c.site, TRANSMISSIONS.c.list_name, newest)
        .where(
            TRANSMISSIONS.c.started_at >= span.begins_at - EXPECTED_WITHIN,
            TRANSMISSIONS.c.started_at < span.begins_at + timedelta(hours=14),
            TRANSMISSIONS.c.landed_at.is_not(None),
        )
        .group_by(TRANSMISSIONS.c.site, TRANSMISSIONS.c.list_name)
    )
    last: dict[str, dict[str, datetime]] = defaultdict(dict)
    for site, list_name, landed_at in connection.execute(usual):
        if site in begins:
            last[site][list_name] = landed_at
            if landed_at < begins[site]:
                _later(found[site], landed_at)
    for site, lists in last.items():
        newest_at = max(lists.values())
        found[site].expected.update(name for name, at in lists.items() if newest_at - at <= SAME_SENDING)


def _note_sent(
    connection: sa.Connection, span: _Span, begins: Mapping[str, datetime], found: defaultdict[str, _Sent]
) -> None:
    query = sa.select(
        TRANSMISSIONS.c.id,
        TRANSMISSIONS.c.site,
        TRANSMISSIONS.c.list_name,
        TRANSMISSIONS.c.state,
        TRANSMISSIONS.c.started_at,
        TRANSMISSIONS.c.landed_at,
        TRANSMISSIONS.c.loaded_at,
        TRANSMISSIONS.c.error_code,
        TRANSMISSIONS.c.size_bytes,
        TRANSMISSIONS.c.offset,
        TRANSMISSIONS.c.due_at,
        TRANSMISSIONS.c.start,
    ).where(TRANSMISSIONS.c.started_at >= span.begins_at - timedelta(days=1), TRANSMISSIONS.c.started_at <= span.until)
    for row in connection.execute(query):
        if row.site not in begins:
            continue
        begins_at = begins[row.site]
        ends_at = begins_at + timedelta(days=1)
        mine = found[row.site]
        if row.started_at < ends_at:
            mine.transmissions.append(
                SeenTransmission(
                    row.id,
                    row.list_name,
                    row.state,
                    row.started_at,
                    row.landed_at,
                    row.loaded_at,
                    row.error_code or "",
                    row.size_bytes,
                    row.offset,
                    _moved_at(row),
                )
            )
        if row.landed_at is None or row.landed_at >= ends_at:
            continue
        _later(mine, row.landed_at)
        if row.landed_at >= begins_at:
            mine.arrived.add(row.list_name)
            _note_freshness(mine, row.start, span.day)


def _moved_at(row: Any) -> datetime:
    """When a chunk of it last came: each puts off the day on which it is forgotten."""
    if row.state != "receiving" or row.offset == row.size_bytes or row.due_at is None:
        return row.started_at  # type: ignore[no-any-return]
    return max(row.started_at, row.due_at - timedelta(days=IDLE_DAYS))  # type: ignore[no-any-return]


def _later(sent: _Sent, moment: datetime) -> None:
    if sent.last_at is None or moment > sent.last_at:
        sent.last_at = moment


def _note_freshness(sent: _Sent, start: object, day: date) -> None:
    told = start.get("freshness") if isinstance(start, dict) else None
    for cnes, text in (told or {}).items():
        newest = _day(text)
        if newest is None or newest > day + timedelta(days=1) or not _CNES.fullmatch(str(cnes)):
            continue
        sent.freshness[cnes] = max(newest, sent.freshness.get(cnes, newest))


def _day(text: object) -> date | None:
    """A yyyymmdd; None for what is none."""
    try:
        return datetime.strptime(str(text), "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None


def _units(
    freshness: Mapping[str, date], row: sa.Row[Any], day: date, calendar: FleetCalendar
) -> tuple[UnitFreshness, ...]:
    return tuple(
        UnitFreshness(
            cnes,
            newest,
            calendar.workdays_between(newest, day - timedelta(days=1), municipality=row.municipality, uf=row.uf),
        )
        for cnes, newest in sorted(freshness.items())
    )


def _hours(connection: sa.Connection, span: _Span) -> Mapping[str, tuple[frozenset[int], bool]]:
    """The usual hours of each site on this weekday, and whether its week is known well."""
    weights = sa.select(ACTIVITY.c.site, sa.func.max(ACTIVITY.c.weight)).group_by(ACTIVITY.c.site)
    heaviest: dict[str, float] = {row[0]: row[1] for row in connection.execute(weights)}
    hours: dict[str, set[int]] = defaultdict(set)
    query = sa.select(ACTIVITY.c.site, ACTIVITY.c.hour, ACTIVITY.c.weight, ACTIVITY.c.updated_at).where(
        ACTIVITY.c.weekday == span.day.weekday()
    )
    for site, hour, weight, updated_at in connection.execute(query):
        # Another hub may have noted a site's first hour since the heaviest were read.
        most = heaviest.get(site)
        if most is not None and decayed(weight, span.at - updated_at) >= most * IS_ON_SHARE:
            hours[site].add(hour)
    return {site: (frozenset(hours[site]), True) for site, weight in heaviest.items() if weight >= LEARNED_WEIGHT}


def _rollouts(connection: sa.Connection) -> Mapping[str, RolloutStep]:
    query = (
        sa.select(ROLLOUT_AGENTS.c.agent, ROLLOUTS.c.version, ROLLOUT_AGENTS.c.status, ROLLOUT_AGENTS.c.at)
        .join(ROLLOUTS, ROLLOUTS.c.id == ROLLOUT_AGENTS.c.rollout)
        .where(ROLLOUTS.c.status.in_(("going", "held")))
        .order_by(ROLLOUT_AGENTS.c.at)
    )
    return {agent: RolloutStep(version, status, at) for agent, version, status, at in connection.execute(query)}


def _slow_admission(connection: sa.Connection, at: datetime) -> tuple[HubFault, ...]:
    """The admission window has shrunk to its least because the central database answers slowly."""
    rows = connection.execute(sa.select(ADMISSION)).all()
    return tuple(
        HubFault(fact_codes.HUB_CENTRAL_SLOW, row.updated_at, None, {"latency_ms": f"{row.latency_ms:.0f}"})
        for row in rows
        if row.limit <= 1 and row.latency_ms > SLOW_TIMES * row.baseline_ms > 0 and at - row.updated_at <= SILENT_AFTER
    )


def _with_peers(views: list[SiteView]) -> list[SiteView]:
    """Count the sites that should be on now, and those of them that are silent."""
    fleet, silent = 0, 0
    by_uf: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for view in views:
        seen = view.last_seen_at
        if seen is None or not view.day_kind.is_work or view.at - seen > LOST_AFTER:
            continue
        if not view.opens_at + SILENT_AFTER <= view.at < view.closes_at:
            continue
        is_silent = int(not view.is_alive)
        fleet, silent = fleet + 1, silent + is_silent
        by_uf[view.uf][0] += 1
        by_uf[view.uf][1] += is_silent
    return [replace(view, peers=Peers(fleet, silent, *by_uf[view.uf])) for view in views]


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
