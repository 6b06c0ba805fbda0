"""Retention: what is deleted when its purpose is over (LGPD art. 15 and 16).

Invariant: a landed upload that was not loaded, or waits for bronze, is never deleted here; of a loaded one the file
goes first and its row stays, so that what was received can still be shown; a file outside of landing is never touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from afluente.core.clock import Clock
from afluente.fleet import nonces
from afluente.fleet.refusal import FleetError
from afluente.state import audit_chain
from afluente.state.database import Database
from afluente.state.fleet_schema import ACCESS_LOG, BRONZE_QUEUE, FACTS, TRANSMISSIONS

FILES_AT_ONCE = 1000
"""Of one transaction: a fleet's day has tens of thousands."""


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """For how many days things are kept. The access log is kept five years unless told otherwise."""

    landing_days: int = 7
    facts_days: int = 400
    access_days: int = 1826


@dataclass(frozen=True, slots=True)
class Deleted:
    files: int
    facts: int
    accesses: int
    nonces: int


def retain(database: Database, landing: Path, policy: RetentionPolicy, *, clock: Clock) -> Deleted:
    """Delete what is past its time, all of it. What was cut short goes on at the next call."""
    at = clock.now()
    files = 0
    while gone_now := _landed(database, landing, at - timedelta(days=policy.landing_days)):
        files += gone_now
    with database.write() as connection:
        gone = Deleted(
            files=files,
            facts=connection.execute(
                sa.delete(FACTS).where(FACTS.c.received_at < at - timedelta(days=policy.facts_days))
            ).rowcount,
            accesses=connection.execute(
                sa.delete(ACCESS_LOG).where(ACCESS_LOG.c.at < at - timedelta(days=policy.access_days))
            ).rowcount,
            nonces=nonces.forget(connection, at=at),
        )
        if gone.files or gone.facts or gone.accesses:
            audit_chain.record(
                connection,
                at=at,
                actor="hub",
                action="retention.deleted",
                subject="landing",
                payload={"files": gone.files, "facts": gone.facts, "accesses": gone.accesses},
            )
    return gone


def _landed(database: Database, landing: Path, before: datetime) -> int:
    query = (
        sa.select(TRANSMISSIONS.c.id, TRANSMISSIONS.c.landed_path)
        .where(
            TRANSMISSIONS.c.landed_path.is_not(None),
            ~sa.exists().where(BRONZE_QUEUE.c.transmission == TRANSMISSIONS.c.id),
            sa.or_(
                sa.and_(TRANSMISSIONS.c.state == "loaded", TRANSMISSIONS.c.loaded_at < before),
                sa.and_(TRANSMISSIONS.c.state == "refused", TRANSMISSIONS.c.started_at < before),
            ),
        )
        .order_by(TRANSMISSIONS.c.id)
        .limit(FILES_AT_ONCE)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    for row in rows:
        _inside(landing, row.landed_path).unlink(missing_ok=True)
    if rows:
        with database.write() as connection:
            connection.execute(
                sa.update(TRANSMISSIONS)
                .where(TRANSMISSIONS.c.id.in_([row.id for row in rows]))
                .values(landed_path=None)
            )
    return len(rows)


def _inside(landing: Path, landed_path: str) -> Path:
    root = landing.resolve()
    path = (root / landed_path).resolve()
    if not path.is_relative_to(root) or path == root:
        raise FleetError("fleet.landing_path", "a landed file stands outside of landing", hint="look at the state")
    return path
