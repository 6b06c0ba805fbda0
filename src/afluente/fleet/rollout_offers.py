"""What each agent is offered, and what each says became of it.

Invariant: an agent is offered a version only when its ring is open; one that said it rolled back or failed is offered
that version no more by this rollout, unless it says that it runs it after all; an order is signed for one agent and
expires.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from afluente.fleet import rollouts
from afluente.fleet.documents import HubSigner
from afluente.fleet.identity import AgentIdentity
from afluente.fleet.rollouts import Rollout
from afluente.state.fleet_schema import AGENTS, ROLLOUT_AGENTS, ROLLOUTS, SITES
from afluente.state.upsert import upsert
from afluente_agent.protocol.messages import Heartbeat, SignedDocument
from afluente_agent.update.offer import KIND, OFFER_SECONDS, Offer, body
from afluente_agent.update.status import State, UpdateStatus, parse_status
from afluente_agent.update.version_number import is_newer, is_version

AgentStatus = Literal["offered", "downloaded", "running", "healthy", "rolled_back", "failed"]
ENDED: tuple[AgentStatus, ...] = ("rolled_back", "failed")
_STATUSES: dict[State, AgentStatus] = {
    "offered": "offered",
    "downloading": "offered",
    "downloaded": "downloaded",
    "trial": "running",
    "healthy": "healthy",
    "rolled_back": "rolled_back",
    "refused": "failed",
}


@dataclass(frozen=True, slots=True)
class _Agent:
    version: str
    ring: str


def offer(
    connection: sa.Connection, identity: AgentIdentity, *, at: datetime, signer: HubSigner
) -> SignedDocument | None:
    """The order for an agent now, signed; None when it has what it should. Needs a write transaction."""
    row = connection.execute(
        sa.select(AGENTS.c.agent_version, SITES.c.ring)
        .join(SITES, SITES.c.id == AGENTS.c.site)
        .where(AGENTS.c.id == identity.agent, AGENTS.c.status == "active")
    ).first()
    last = rollouts.newest(connection)
    if row is None or last is None or not is_version(row.agent_version):
        return None
    agent = _Agent(row.agent_version, row.ring)
    if last.status == "rolled_back" and agent.version == last.version:
        return _signed(identity, "roll_back", last.previous, last, at=at, signer=signer)
    current = last if last.status in ("going", "done") else rollouts.newest(connection, "done")
    if current is None or not is_newer(current.version, agent.version) or not current.has_reached(agent.ring):
        return None
    known = _status_of(connection, current, identity.agent)
    if known in ENDED:
        return None
    if known is None:
        _keep(connection, current, identity.agent, agent.ring, "offered", at=at, detail=f"from {agent.version}")
    return _signed(identity, "update", current.version, current, at=at, signer=signer)


def observe(connection: sa.Connection, identity: AgentIdentity, heartbeat: Heartbeat, *, at: datetime) -> None:
    """Keep what a heartbeat says of an update. Needs a write transaction."""
    status = parse_status(heartbeat.update_status)
    if status is None:
        return
    query = (
        sa.select(ROLLOUT_AGENTS.c.rollout, ROLLOUT_AGENTS.c.ring, ROLLOUT_AGENTS.c.status)
        .join(ROLLOUTS, ROLLOUTS.c.id == ROLLOUT_AGENTS.c.rollout)
        .where(ROLLOUT_AGENTS.c.agent == identity.agent, ROLLOUTS.c.version == status.version)
        .order_by(ROLLOUT_AGENTS.c.rollout.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    said = _STATUSES[status.state]
    if row is None or row.status == said or not _may_follow(row.status, said, status, heartbeat):
        return
    connection.execute(
        sa.update(ROLLOUT_AGENTS)
        .where(ROLLOUT_AGENTS.c.rollout == row.rollout, ROLLOUT_AGENTS.c.agent == identity.agent)
        .values(status=said, at=at, detail=status.detail)
    )


def _may_follow(known: str, said: AgentStatus, status: UpdateStatus, heartbeat: Heartbeat) -> bool:
    """Health is believed only from the version itself; failures only go over into a run of it."""
    is_it = heartbeat.machine.agent_version == status.version
    if said in ("running", "healthy"):
        return is_it
    if known in ENDED:
        return said in ENDED
    return True


def _status_of(connection: sa.Connection, rollout: Rollout, agent: str) -> str | None:
    query = sa.select(ROLLOUT_AGENTS.c.status).where(
        ROLLOUT_AGENTS.c.rollout == rollout.id, ROLLOUT_AGENTS.c.agent == agent
    )
    return connection.execute(query).scalar_one_or_none()


def _keep(
    connection: sa.Connection,
    rollout: Rollout,
    agent: str,
    ring: str,
    status: AgentStatus,
    *,
    at: datetime,
    detail: str,
) -> None:
    known_ring = ring if ring in rollout.rings else rollout.rings[-1]
    row = {
        "rollout": rollout.id,
        "agent": agent,
        "ring": known_ring,
        "status": status,
        "at": at,
        "detail": detail,
    }
    upsert(connection, ROLLOUT_AGENTS, [row])


def _signed(
    identity: AgentIdentity,
    action: Literal["update", "roll_back"],
    version: str,
    rollout: Rollout,
    *,
    at: datetime,
    signer: HubSigner,
) -> SignedDocument:
    number = int(at.timestamp())
    order = Offer(
        agent=identity.agent,
        action=action,
        version=version,
        rollout=rollout.id,
        number=number,
        expires_at=number + OFFER_SECONDS,
        leaving=rollout.version if action == "roll_back" else "",
    )
    return signer.sign(KIND, number, body(order))
