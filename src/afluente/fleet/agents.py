"""Agents: the installations of the sites, and their keys.

Invariant: an agent is never deleted; a suspended or replaced one signs nothing that is taken; a suspension and its end
are in the audit log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from afluente.core.ids import new_id
from afluente.fleet import facts
from afluente.fleet.authentication import public_key_of
from afluente.fleet.identity import AgentIdentity
from afluente.fleet.machine_check import Installation
from afluente.fleet.refusal import FleetError, Refusal
from afluente.state import audit_chain
from afluente.state.fleet_schema import AGENT_KEYS, AGENTS
from afluente.state.json_value import Json
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.messages import KeyAnswer, KeyRequest, Machine

AgentStatus = Literal["active", "replaced", "suspended"]
KEY_OVERLAP = timedelta(days=7)
"""How long an old key is good after a new one came."""
KEY_AGE = timedelta(days=180)
"""A key this old is asked to be replaced."""


@dataclass(frozen=True, slots=True)
class Agent:
    """An installation. `heartbeat` is its last one without facts; `machine` what it said of its machine."""

    id: str
    site: str
    status: AgentStatus
    install_id: str
    machine_hash: str
    disk_hash: str
    machine: Mapping[str, Json]
    enrolled_at: datetime
    last_seen_at: datetime | None
    sequence: int
    heartbeat: Mapping[str, Json]
    configuration_version: int
    catalogue_version: int
    agent_version: str
    pec_version: str
    replaced_by: str | None

    def installation(self) -> Installation:
        return Installation(
            self.id,
            self.site,
            self.install_id,
            self.machine_hash,
            self.disk_hash,
            self.last_seen_at or self.enrolled_at,
        )


def add(
    connection: sa.Connection, *, site: str, machine: Machine, status: AgentStatus, at: datetime, decision: str
) -> str:
    """Write a new agent; its id. Needs a write transaction."""
    agent = new_id(at)
    connection.execute(
        sa.insert(AGENTS).values(
            id=agent,
            site=site,
            status=status,
            install_id=machine.install_id,
            machine_hash=machine.machine_hash,
            disk_hash=machine.disk_hash,
            machine={**asdict(machine), "decision": decision},
            enrolled_at=at,
            last_seen_at=None,
            sequence=0,
            heartbeat={},
            configuration_version=0,
            catalogue_version=0,
            agent_version=machine.agent_version,
            pec_version="",
            replaced_by=None,
        )
    )
    return agent


def find(connection: sa.Connection, agent: str) -> Agent | None:
    row = connection.execute(sa.select(AGENTS).where(AGENTS.c.id == agent)).first()
    return None if row is None else Agent(**row._mapping)  # noqa: SLF001


def of_site(connection: sa.Connection, site: str, *, status: AgentStatus | None = None) -> list[Agent]:
    """The agents of a site, the newest first."""
    query = sa.select(AGENTS).where(AGENTS.c.site == site).order_by(AGENTS.c.id.desc())
    if status is not None:
        query = query.where(AGENTS.c.status == status)
    return [Agent(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def of_install(connection: sa.Connection, install_id: str) -> list[Agent]:
    """The active agents with this install id, of any site."""
    query = sa.select(AGENTS).where(AGENTS.c.install_id == install_id, AGENTS.c.status == "active")
    return [Agent(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def listed(connection: sa.Connection, *, after: str = "", limit: int = 100) -> list[Agent]:
    """A page of all agents in the order of their ids."""
    query = sa.select(AGENTS).where(AGENTS.c.id > after).order_by(AGENTS.c.id).limit(limit)
    return [Agent(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def replace(connection: sa.Connection, agent: str, *, by_agent: str) -> None:
    """Another agent takes the place of this one. Needs a write transaction."""
    connection.execute(sa.update(AGENTS).where(AGENTS.c.id == agent).values(status="replaced", replaced_by=by_agent))


def suspend(connection: sa.Connection, agent: str, *, by: str, reason: str, at: datetime) -> None:
    """Take nothing more from an active agent. Needs a write transaction. FleetError."""
    _change(connection, agent, before="active", after="suspended", by=by, reason=reason, at=at)


def reinstate(connection: sa.Connection, agent: str, *, by: str, reason: str, at: datetime) -> None:
    """Take from a suspended agent again. Its sequence starts anew. Needs a write transaction. FleetError."""
    _change(connection, agent, before="suspended", after="active", by=by, reason=reason, at=at)
    connection.execute(sa.update(AGENTS).where(AGENTS.c.id == agent).values(sequence=0, heartbeat={}))


def revoke_keys(connection: sa.Connection, agent: str, *, by: str, reason: str, at: datetime) -> int:
    """Make every key of an agent worth nothing, now; how many. A new enrolment is needed. Needs a write transaction."""
    known = find(connection, agent)
    if known is None:
        raise _unknown(agent)
    revoked = connection.execute(
        sa.update(AGENT_KEYS)
        .where(AGENT_KEYS.c.agent == agent, AGENT_KEYS.c.revoked_at.is_(None))
        .values(revoked_at=at)
    ).rowcount
    payload: dict[str, Json] = {"site": known.site, "keys": revoked, "reason": reason}
    audit_chain.record(
        connection, at=at, actor=by, action="agent.keys_revoked", subject=f"agent/{agent}", payload=payload
    )
    return revoked


def add_key(connection: sa.Connection, agent: str, public_key: str, *, at: datetime) -> str:
    """Give an agent a key; the key's id. Needs a write transaction. Refusal when it is no key, or known already."""
    try:
        text = public_key_of(public_key)
    except ValueError:
        raise Refusal(
            "bad_key", "a chave enviada não é uma chave Ed25519", "the key sent is not an Ed25519 public key"
        ) from None
    if connection.execute(sa.select(AGENT_KEYS.c.id).where(AGENT_KEYS.c.public_key == text)).first() is not None:
        raise Refusal(
            "key_in_use",
            "esta chave já é de outra instalação; apague a pasta copiada e instale de novo",
            "another installation has this key; delete the copied folder and install again",
            status=409,
        )
    key = new_id(at)
    connection.execute(
        sa.insert(AGENT_KEYS).values(
            id=key, agent=agent, public_key=text, created_at=at, expires_at=None, revoked_at=None
        )
    )
    return key


def rotate_key(connection: sa.Connection, identity: AgentIdentity, request: KeyRequest, *, at: datetime) -> KeyAnswer:
    """A new key beside the one that signed, which stays good for KEY_OVERLAP. The same key again: the same answer.

    Needs a write transaction. Refusal.
    """
    until = at + KEY_OVERLAP
    query = sa.select(AGENT_KEYS).where(
        AGENT_KEYS.c.agent == identity.agent,
        AGENT_KEYS.c.public_key == request.public_key,
        AGENT_KEYS.c.revoked_at.is_(None),
        AGENT_KEYS.c.expires_at.is_(None),
    )
    known = connection.execute(query).first()
    if known is not None:
        return KeyAnswer(known.id, int(at.timestamp()), int(until.timestamp()))
    key = add_key(connection, identity.agent, request.public_key, at=at)
    others = (AGENT_KEYS.c.agent == identity.agent, AGENT_KEYS.c.id != key)
    connection.execute(sa.update(AGENT_KEYS).where(*others, AGENT_KEYS.c.expires_at.is_(None)).values(expires_at=until))
    connection.execute(
        sa.update(AGENT_KEYS)
        .where(*others, AGENT_KEYS.c.id != identity.key, AGENT_KEYS.c.revoked_at.is_(None))
        .values(revoked_at=at)
    )
    facts.record(
        connection,
        site=identity.site,
        agent=identity.agent,
        code=fact_codes.SITE_KEY_ROTATED,
        at=at,
        evidence={"key": key},
    )
    return KeyAnswer(key, int(at.timestamp()), int(until.timestamp()))


def _change(
    connection: sa.Connection,
    agent: str,
    *,
    before: AgentStatus,
    after: AgentStatus,
    by: str,
    reason: str,
    at: datetime,
) -> None:
    known = find(connection, agent)
    if known is None:
        raise _unknown(agent)
    if known.status != before:
        raise FleetError(
            "fleet.agent_status",
            f"agent {agent} is {known.status}, not {before}",
            pt=f"o agente {agent} está {known.status}, e não {before}",
        )
    connection.execute(sa.update(AGENTS).where(AGENTS.c.id == agent).values(status=after))
    payload: dict[str, Json] = {"site": known.site, "before": before, "reason": reason}
    audit_chain.record(connection, at=at, actor=by, action=f"agent.{after}", subject=f"agent/{agent}", payload=payload)


def _unknown(agent: str) -> FleetError:
    return FleetError(
        "fleet.unknown_agent",
        f"there is no agent '{agent}'",
        pt=f"não há agente '{agent}'",
        hint="see `afluente fleet list`",
    )
