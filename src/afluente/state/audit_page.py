"""The audit log page by page, from its end backwards, each page held against the entry before it.

Invariant: no more than a page is in memory, however long the log is and however large its entries are; whoever reads
all pages has checked the whole chain.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import sqlalchemy as sa

from afluente.state.audit_chain import GENESIS, AuditEntry, first_broken
from afluente.state.release_schema import AUDIT_LOG

MOST_BYTES = 1024 * 1024
"""Of the entries of a page, once there is one."""
BATCH = 50


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries in their order. `holds`: none was changed, and none before or between them is missing.

    `before` is what to ask the next, older page with; 0 when this page begins with the first entry.
    """

    entries: tuple[AuditEntry, ...]
    holds: bool
    before: int


def read_page(connection: sa.Connection, *, before: int = 0, limit: int = 100) -> AuditPage:
    """At most `limit` entries that stand before the one with this id; the end of the log when it is 0."""
    found: list[AuditEntry] = []
    size_bytes, is_full = 0, False
    while not is_full:
        batch = _older(connection, found[-1].id if found else before, min(BATCH, limit - len(found)))
        for entry in batch:
            size_bytes += len(json.dumps(dict(entry.payload)))
            if found and size_bytes > MOST_BYTES:
                is_full = True
                break
            found.append(entry)
        is_full = is_full or not batch or len(found) >= limit
    found.reverse()
    preceding = _older(connection, found[0].id, 1) if found else []
    previous = preceding[0].hash if preceding else GENESIS
    is_whole = first_broken(found, previous=previous) is None
    return AuditPage(tuple(found), is_whole, found[0].id if preceding else 0)


def _older(connection: sa.Connection, before: int, limit: int) -> list[AuditEntry]:
    query = sa.select(AUDIT_LOG).order_by(AUDIT_LOG.c.id.desc()).limit(limit)
    if before:
        query = query.where(AUDIT_LOG.c.id < before)
    return [AuditEntry(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001
