"""The audit log page by page: all of it, in order, each page held against what stands before it."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from afluente.state import audit_chain
from afluente.state.audit_page import MOST_BYTES, AuditPage, read_page
from afluente.state.database import Database
from afluente.state.release_schema import AUDIT_LOG

AT = datetime(2026, 9, 1, 11, tzinfo=UTC)


def write(database: Database, count: int, *, size: int = 0) -> None:
    with database.write() as connection:
        for number in range(count):
            payload = {"number": number, "text": "x" * size}
            audit_chain.record(connection, at=AT, actor="ana", action="a", subject=f"s/{number}", payload=payload)


def pages(database: Database, limit: int) -> list[AuditPage]:
    found: list[AuditPage] = []
    with database.read() as connection:
        while not found or found[-1].before:
            found.append(read_page(connection, before=found[-1].before if found else 0, limit=limit))
    return found


@pytest.mark.parametrize("limit", [1, 7, 50, 120, 121, 1000])
def test_the_pages_together_are_the_log(database: Database, limit: int) -> None:
    write(database, 121)
    found = pages(database, limit)
    with database.read() as connection:
        whole = audit_chain.entries(connection)
    assert [entry for page in reversed(found) for entry in page.entries] == whole
    assert all(page.holds and 0 < len(page.entries) <= limit for page in found)


def test_an_empty_log_is_one_empty_page(database: Database) -> None:
    assert pages(database, 10) == [AuditPage((), True, 0)]


@pytest.mark.parametrize("change", ["payload", "removed"])
def test_the_page_with_a_changed_entry_or_a_missing_one_before_it_does_not_hold(
    database: Database, change: str
) -> None:
    write(database, 20)
    target = AUDIT_LOG.c.subject == "s/9"
    with database.write() as connection:
        if change == "payload":
            connection.execute(sa.update(AUDIT_LOG).where(target).values(payload={"number": 0}))
        else:
            connection.execute(sa.delete(AUDIT_LOG).where(target))
    broken = [page for page in pages(database, 5) if not page.holds]
    assert len(broken) == 1
    subjects = {entry.subject for entry in broken[0].entries}
    assert ("s/9" if change == "payload" else "s/10") in subjects


def test_large_entries_make_a_page_short_and_not_the_memory_large(database: Database) -> None:
    write(database, 60, size=MOST_BYTES // 8)
    tracemalloc.start()
    with database.read() as connection:
        page = read_page(connection, limit=1000)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 1 <= len(page.entries) < 9
    assert page.before
    assert peak_bytes < 60 * MOST_BYTES // 4
    with database.write() as connection:
        audit_chain.record(connection, at=AT, actor="a", action="a", subject="s", payload={"t": "x" * 2 * MOST_BYTES})
    with database.read() as connection:
        assert len(read_page(connection, limit=10).entries) == 1
