"""Rows that several take at once: each is given to one."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from afluente.state import leases, outbox
from afluente.state.database import Database
from afluente.state.outbox import OutboxEntry
from afluente.state.schema import OUTBOX

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def put(database: Database, count: int) -> None:
    with database.write() as connection:
        for number in range(count):
            at = NOW - timedelta(seconds=number)
            outbox.put(connection, OutboxEntry(id=f"{number:03}", kind="mail", payload={}, created_at=at, due_at=at))


def test_of_many_that_take_at_once_each_row_goes_to_one(database: Database) -> None:
    put(database, 40)
    taken: list[str] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        while True:
            with database.write() as connection:
                found = outbox.claim(connection, kind="mail", at=NOW, lease_seconds=60, limit=3)
            if not found:
                return
            taken.extend(one.id for one in found)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [f"{number:03}" for number in range(40)]


def test_rows_come_in_the_order_that_was_asked_and_as_they_were_written(database: Database) -> None:
    put(database, 5)
    with database.write() as connection:
        rows = leases.take(
            connection,
            OUTBOX,
            OUTBOX.c.status == "waiting",
            order_by=(OUTBOX.c.due_at,),
            values={"status": "claimed", "due_at": NOW + timedelta(seconds=9)},
            limit=3,
        )
        again = leases.take(
            connection, OUTBOX, OUTBOX.c.status == "lost", order_by=(OUTBOX.c.id,), values={"status": "x"}, limit=3
        )
    assert [(row.id, row.status, row.due_at) for row in rows] == [
        (name, "claimed", NOW + timedelta(seconds=9)) for name in ("004", "003", "002")
    ]
    assert again == []
