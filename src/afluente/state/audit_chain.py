"""The audit log: who did what to what, each entry holding the hash of the one before.

Invariant: entries are appended and never changed; two writers cannot follow the same entry, so the chain is one line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from afluente.state.json_value import Json
from afluente.state.release_schema import AUDIT_LOG

GENESIS = "0" * 64
AUDIT_LOCK = 0x4146_4155


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the log. `hash` covers every other field."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    payload: Mapping[str, Json]
    previous_hash: str
    hash: str


def record(
    connection: sa.Connection, *, at: datetime, actor: str, action: str, subject: str, payload: Mapping[str, Json]
) -> str:
    """Append an entry and return its hash, the new head. Needs a write transaction."""
    lock(connection)
    previous = head(connection)
    digest = entry_hash(at=at, actor=actor, action=action, subject=subject, payload=payload, previous_hash=previous)
    connection.execute(
        sa.insert(AUDIT_LOG).values(
            at=at,
            actor=actor,
            action=action,
            subject=subject,
            payload=dict(payload),
            previous_hash=previous,
            hash=digest,
        )
    )
    return digest


def lock(connection: sa.Connection) -> None:
    """Be the one who appends until the transaction ends: for whoever takes further locks before it appends."""
    if connection.dialect.name != "sqlite":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(AUDIT_LOCK)))


def head(connection: sa.Connection) -> str:
    """The hash of the newest entry; GENESIS when there is none."""
    query = sa.select(AUDIT_LOG.c.hash).order_by(AUDIT_LOG.c.id.desc()).limit(1)
    return connection.execute(query).scalar_one_or_none() or GENESIS


def entries(connection: sa.Connection, *, subject: str = "") -> list[AuditEntry]:
    """The log in order; with `subject` only what is about it."""
    query = sa.select(AUDIT_LOG).order_by(AUDIT_LOG.c.id)
    if subject:
        query = query.where(AUDIT_LOG.c.subject == subject)
    return [AuditEntry(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def first_broken(log: Sequence[AuditEntry], *, previous: str = GENESIS) -> AuditEntry | None:
    """The first entry that was changed, or whose predecessor was changed or removed.

    `log` is whole, or what follows the entry with the hash `previous`.
    """
    for entry in log:
        digest = entry_hash(
            at=entry.at,
            actor=entry.actor,
            action=entry.action,
            subject=entry.subject,
            payload=entry.payload,
            previous_hash=entry.previous_hash,
        )
        if entry.previous_hash != previous or entry.hash != digest:
            return entry
        previous = entry.hash
    return None


def entry_hash(
    *, at: datetime, actor: str, action: str, subject: str, payload: Mapping[str, Json], previous_hash: str
) -> str:
    """SHA-256 over the fields as JSON with sorted keys; times in UTC with microseconds."""
    text = json.dumps(
        [at.astimezone(UTC).isoformat(timespec="microseconds"), actor, action, subject, dict(payload), previous_hash],
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(text.encode()).hexdigest()
