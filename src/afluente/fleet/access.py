"""The access log: who looked at or touched which site's data (LGPD art. 37).

Invariant: it names operators, agents and sites, never a person of a list, and no text that a caller made up freely.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from afluente.state.fleet_schema import ACCESS_LOG


@dataclass(frozen=True, slots=True)
class Access:
    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    outcome: str


def record(connection: sa.Connection, *, at: datetime, actor: str, action: str, subject: str, outcome: str) -> None:
    """Append one line. Needs a write transaction."""
    connection.execute(
        sa.insert(ACCESS_LOG).values(at=at, actor=actor, action=action, subject=subject, outcome=outcome)
    )


def listed(connection: sa.Connection, *, subject: str = "", before: int = 0, limit: int = 100) -> list[Access]:
    """The newest lines first; `before` is the id a page ended with."""
    query = sa.select(ACCESS_LOG).order_by(ACCESS_LOG.c.id.desc()).limit(limit)
    if subject:
        query = query.where(ACCESS_LOG.c.subject == subject)
    if before:
        query = query.where(ACCESS_LOG.c.id < before)
    return [Access(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001
