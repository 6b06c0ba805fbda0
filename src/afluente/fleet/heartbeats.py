"""Heartbeats: what an agent says of itself, and what it is told back.

Invariant: a heartbeat whose answer was lost changes nothing when it comes again; a clone is suspended in the
transaction that saw it; documents older than the agent's are never given.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from afluente.fleet import activity, agents, documents, facts, remedies, rollout_offers
from afluente.fleet.documents import HubSigner, Place
from afluente.fleet.identity import AgentIdentity
from afluente.fleet.machine_check import Continuity, Sighting, follow
from afluente.fleet.pseudonym_key import PseudonymKey
from afluente.fleet.refusal import FleetError, Refusal
from afluente.fleet.send_plan import learned_plan, settled_plan
from afluente.fleet.site_configuration import Kept, Terms, configuration_for
from afluente.state.fleet_schema import AGENT_KEYS, AGENTS, ROLLOUTS, SITE_CONFIGURATIONS, SITES
from afluente.state.json_value import Json
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.limits import HEARTBEAT_SECONDS
from afluente_agent.protocol.messages import Heartbeat, HeartbeatAnswer, SignedDocument
from afluente_agent.protocol.refusal_codes import SUSPENDED

LearnActivity = Callable[[sa.Connection, str, str, datetime], None]
"""Called with the site, its time zone and the moment it was seen, at the first heartbeat of each hour."""
MOST_NAME = 100
MOST_FACTS_A_DAY = 10_000
"""Of one agent: twice what its journal holds. What is told beyond it is not kept."""

_log = logging.getLogger(__name__)

_STATE = (
    sa.select(
        AGENTS.c.machine_hash,
        AGENTS.c.disk_hash,
        AGENTS.c.sequence,
        AGENTS.c.heartbeat,
        AGENTS.c.pec_version,
        AGENTS.c.agent_version,
        AGENTS.c.last_seen_at,
        SITES.c.timezone,
        AGENT_KEYS.c.created_at.label("key_created_at"),
        AGENT_KEYS.c.expires_at.label("key_expires_at"),
        AGENT_KEYS.c.public_key,
        sa.select(ROLLOUTS.c.id).limit(1).exists().label("has_rollouts"),
        remedies.open_of(AGENTS.c.site).exists().label("has_remedies"),
        SITE_CONFIGURATIONS.c.version.label("own_version"),
        SITE_CONFIGURATIONS.c.based_on,
        SITE_CONFIGURATIONS.c.terms,
    )
    .join(SITES, SITES.c.id == AGENTS.c.site)
    .join(AGENT_KEYS, AGENT_KEYS.c.agent == AGENTS.c.id)
    .outerjoin(SITE_CONFIGURATIONS, SITE_CONFIGURATIONS.c.site == AGENTS.c.site)
    .where(AGENTS.c.id == sa.bindparam("agent"), AGENT_KEYS.c.id == sa.bindparam("key"))
)

_KEEP = (
    sa.update(AGENTS)
    .where(AGENTS.c.id == sa.bindparam("of"))
    .values(
        {
            name: sa.bindparam(name, type_=AGENTS.c[name].type)
            for name in (
                "machine_hash",
                "disk_hash",
                "last_seen_at",
                "sequence",
                "heartbeat",
                "configuration_version",
                "catalogue_version",
                "agent_version",
                "pec_version",
            )
        }
    )
)


@dataclass(frozen=True, slots=True)
class Cloned:
    """The heartbeat showed a clone: its agent is suspended, and this is what to answer."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class _Before:
    sequence: int
    pec_version: str
    agent_version: str


def register_heartbeat(
    connection: sa.Connection,
    identity: AgentIdentity,
    heartbeat: Heartbeat,
    *,
    at: datetime,
    signer: HubSigner,
    learn_activity: LearnActivity | None = None,
    pseudonym_key: PseudonymKey | None = None,
    next_in_seconds: int = HEARTBEAT_SECONDS,
) -> HeartbeatAnswer | Cloned:
    """Keep a heartbeat and answer it. Needs a write transaction, which has to be committed for Cloned too."""
    query = _STATE if connection.dialect.name == "sqlite" else _STATE.with_for_update(of=AGENTS)
    row = connection.execute(query, {"agent": identity.agent, "key": identity.key}).one()
    machine = heartbeat.machine
    seen = (machine.machine_hash, machine.disk_hash)
    continuity, sighting = follow(
        Sighting.from_json(row.heartbeat.get("sighting")),
        (row.machine_hash, row.disk_hash),
        sequence=heartbeat.sequence,
        started_at=heartbeat.started_at,
        seen=seen,
        at=at,
    )
    told = heartbeat.facts[: MOST_FACTS_A_DAY - _told_today(row.heartbeat, at)]
    if len(told) < len(heartbeat.facts):
        _log.warning("an agent tells more facts than a day has", extra={"agent": identity.agent})
    facts.receive(connection, identity, told, at=at)
    remedies.end(connection, identity, heartbeat.remedies, at=at)
    if continuity == "clone":
        return _suspend(connection, identity, heartbeat, at=at)
    before = _Before(row.sequence, row.pec_version, row.agent_version)
    _note(connection, identity, heartbeat, continuity, before, at=at)
    connection.execute(
        _KEEP,
        {
            "of": identity.agent,
            "machine_hash": machine.machine_hash,
            "disk_hash": machine.disk_hash or row.disk_hash,
            "last_seen_at": at,
            "sequence": heartbeat.sequence,
            "heartbeat": _kept(heartbeat, sighting) | _facts_today(row.heartbeat, len(told), at),
            "configuration_version": heartbeat.configuration_version,
            "catalogue_version": heartbeat.catalogue_version,
            "agent_version": machine.agent_version[:MOST_NAME],
            "pec_version": heartbeat.pec_version[:MOST_NAME],
        },
    )
    rollout_offers.observe(connection, identity, heartbeat, at=at)
    is_new_hour = row.last_seen_at is None or row.last_seen_at < at.replace(minute=0, second=0, microsecond=0)
    if learn_activity is not None and is_new_hour:
        learn_activity(connection, identity.site, row.timezone, at)
    update = rollout_offers.offer(connection, identity, at=at, signer=signer) if row.has_rollouts else None
    given = remedies.to_give(connection, identity.site, at=at) if row.has_remedies else ()
    published, catalogue = documents.newest_places(connection, identity.site)

    return HeartbeatAnswer(
        hub_time=int(at.timestamp()),
        next_in_seconds=next_in_seconds,
        configuration=_unless_held_back(
            lambda: _configuration(
                connection, identity, heartbeat, row, published, at=at, signer=signer, pseudonym_key=pseudonym_key
            )
        ),
        catalogue=_unless_held_back(lambda: _catalogue(connection, heartbeat, catalogue, signer=signer)),
        remedies=given,
        needs_key_rotation=row.key_expires_at is None and at - row.key_created_at > agents.KEY_AGE,
        update=update,
    )


def _configuration(
    connection: sa.Connection,
    identity: AgentIdentity,
    heartbeat: Heartbeat,
    row: Any,
    published: Place,
    *,
    at: datetime,
    signer: HubSigner,
    pseudonym_key: PseudonymKey | None,
) -> SignedDocument | None:
    """The configuration for the site where it is newer. What was learned of its hours is looked at once a day."""
    own = None if row.own_version is None else Kept(row.own_version, row.based_on, Terms.from_json(row.terms))
    plan = None if own is None else own.terms.plan
    if row.last_seen_at is None or row.last_seen_at.date() < at.date():
        hours = activity.hours_of(connection, identity.site, row.timezone, at=at)
        plan = settled_plan(plan, learned_plan(hours, identity.site, at=at))
    return configuration_for(
        connection,
        identity.site,
        base=published,
        own=own,
        terms=Terms(plan).sealed(pseudonym_key, row.public_key),
        newer_than=heartbeat.configuration_version,
        at=at,
        signer=signer,
        pseudonym_key=pseudonym_key,
    )


def _catalogue(
    connection: sa.Connection, heartbeat: Heartbeat, published: Place, *, signer: HubSigner
) -> SignedDocument | None:
    if published.version <= heartbeat.catalogue_version:
        return None
    return documents.document_at(connection, "catalogue", published, signer=signer)


def _unless_held_back(given: Callable[[], SignedDocument | None]) -> SignedDocument | None:
    """A document; one that cannot be given is logged, so that no heartbeat is refused for it."""
    try:
        return given()
    except FleetError as error:
        _log.error("a document is held back", extra={"code": error.code})
        return None


def _suspend(connection: sa.Connection, identity: AgentIdentity, heartbeat: Heartbeat, *, at: datetime) -> Cloned:
    evidence = {"machine": heartbeat.machine.machine_hash[:12], "sequence": str(heartbeat.sequence)}
    facts.record(
        connection, site=identity.site, agent=identity.agent, code=fact_codes.SITE_CLONE, at=at, evidence=evidence
    )
    agents.suspend(connection, identity.agent, by="hub", reason="two machines speak as one installation", at=at)
    return Cloned(
        Refusal(
            SUSPENDED,
            "duas máquinas falam como uma só instalação; ela foi suspensa, fale com o suporte",
            "two machines speak as one installation; it was suspended, ask for support",
            status=401,
        )
    )


def _note(
    connection: sa.Connection,
    identity: AgentIdentity,
    heartbeat: Heartbeat,
    continuity: Continuity,
    before: _Before,
    *,
    at: datetime,
) -> None:
    """The facts that the hub sees by itself: a changed machine, a sequence that went back, another PEC or agent."""
    noted: list[tuple[str, dict[str, str]]] = []
    if continuity == "machine_changed":
        noted.append((fact_codes.SITE_MACHINE_CHANGED, {"machine": heartbeat.machine.machine_hash[:12]}))
    if continuity == "went_back":
        noted.append((fact_codes.SITE_SEQUENCE_BACK, {"before": str(before.sequence), "now": str(heartbeat.sequence)}))
    if before.pec_version and heartbeat.pec_version and before.pec_version != heartbeat.pec_version[:MOST_NAME]:
        versions = {"before": before.pec_version, "now": heartbeat.pec_version[:MOST_NAME]}
        noted.append((fact_codes.SITE_PEC_UPGRADED, versions))
    if before.agent_version and before.agent_version != heartbeat.machine.agent_version[:MOST_NAME]:
        versions = {"before": before.agent_version, "now": heartbeat.machine.agent_version[:MOST_NAME]}
        noted.append((fact_codes.SITE_AGENT_UPDATED, versions))
    for code, evidence in noted:
        facts.record(connection, site=identity.site, agent=identity.agent, code=code, at=at, evidence=evidence)


def _told_today(kept: Mapping[str, Json], at: datetime) -> int:
    count = kept.get("facts_told")
    is_today = kept.get("facts_day") == at.date().isoformat()
    return min(count, MOST_FACTS_A_DAY) if is_today and isinstance(count, int) else 0


def _facts_today(kept: Mapping[str, Json], told: int, at: datetime) -> dict[str, Json]:
    return {"facts_day": at.date().isoformat(), "facts_told": _told_today(kept, at) + told}


def _kept(heartbeat: Heartbeat, sighting: Sighting) -> dict[str, Json]:
    """What stands of the last heartbeat: its figures, without facts, remedies and machine."""
    return {
        "sequence": heartbeat.sequence,
        "started_at": heartbeat.started_at,
        "clock_offset_seconds": heartbeat.clock_offset_seconds,
        "spool": asdict(heartbeat.spool),
        "update_status": heartbeat.update_status[:MOST_NAME],
        "system_version": heartbeat.machine.system_version[:MOST_NAME],
        "sighting": sighting.to_json(),
    }
