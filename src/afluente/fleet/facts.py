"""Facts in the state: what agents saw and what the hub saw itself.

Invariant: a fact that an agent tells again, because an answer was lost, stands once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from afluente.fleet.identity import AgentIdentity
from afluente.state.fleet_schema import FACTS
from afluente_agent.protocol.messages import Fact

Origin = Literal["agent", "hub"]
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
MOST_AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RecordedFact:
    """A fact as it stands in the state; `at` is the hub's time as the agent reckoned it."""

    id: int
    site: str
    agent: str | None
    code: str
    at: datetime
    received_at: datetime
    origin: Origin
    evidence: Mapping[str, str]


def record(
    connection: sa.Connection, *, site: str, agent: str | None, code: str, at: datetime, evidence: Mapping[str, str]
) -> None:
    """A fact that the hub saw. Needs a write transaction."""
    connection.execute(
        sa.insert(FACTS).values(
            site=site, agent=agent, code=code, at=at, received_at=at, origin="hub", evidence=dict(evidence)
        )
    )


def receive(connection: sa.Connection, identity: AgentIdentity, told: Sequence[Fact], *, at: datetime) -> int:
    """Keep what an agent saw, each once; how many were new. Needs a write transaction.

    A time that cannot be is replaced by the moment of receiving, so that one bad clock moves no history.
    """
    if not told:
        return 0
    rows = [(fact.code, _moment(fact.at, at), dict(fact.evidence)) for fact in told]
    moments = {moment for _, moment, _ in rows}
    query = sa.select(FACTS.c.code, FACTS.c.at, FACTS.c.evidence).where(
        FACTS.c.site == identity.site,
        FACTS.c.agent == identity.agent,
        FACTS.c.at >= min(moments),
        FACTS.c.at <= max(moments),
    )
    seen = {_fingerprint(row.code, row.at, row.evidence) for row in connection.execute(query)}
    fresh = []
    for code, moment, evidence in rows:
        fingerprint = _fingerprint(code, moment, evidence)
        if fingerprint in seen:
            continue
        seen.add(fingerprint)
        fresh.append(
            {
                "site": identity.site,
                "agent": identity.agent,
                "code": code,
                "at": moment,
                "received_at": at,
                "origin": "agent",
                "evidence": evidence,
            }
        )
    if fresh:
        connection.execute(sa.insert(FACTS), fresh)
    return len(fresh)


def of_site(connection: sa.Connection, site: str, *, limit: int = 1000) -> list[RecordedFact]:
    """The newest facts of a site, the newest first."""
    query = sa.select(FACTS).where(FACTS.c.site == site).order_by(FACTS.c.at.desc(), FACTS.c.id.desc()).limit(limit)
    return [RecordedFact(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def _moment(seconds: int, at: datetime) -> datetime:
    if EARLIEST.timestamp() <= seconds <= (at + MOST_AHEAD).timestamp():
        return datetime.fromtimestamp(seconds, UTC)
    return at


def _fingerprint(code: str, at: datetime, evidence: Mapping[str, str]) -> tuple[object, ...]:
    return code, at, tuple(sorted(evidence.items()))
