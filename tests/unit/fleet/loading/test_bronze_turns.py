"""Whose turn it is to write a list's bronze table, on both databases of the state."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from afluente.fleet import bronze_queue
from afluente.state.database import Database

NOW = datetime(2026, 9, 1, 11, tzinfo=UTC)


@pytest.fixture
def database(any_database: Database) -> Database:
    return any_database


def winners(database: Database, at: datetime) -> list[str]:
    """Of four that ask at once, those who got the turn."""
    found: list[str] = []
    start = threading.Barrier(4)

    def ask(worker: str) -> None:
        start.wait()
        with database.write() as connection:
            if bronze_queue.take_turn(connection, "lista", worker=worker, at=at, lease_seconds=60):
                found.append(worker)

    threads = [threading.Thread(target=ask, args=(f"{at} {name}",)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_one_of_many_gets_the_first_turn_and_the_next_when_it_ran_out(database: Database) -> None:
    assert len(winners(database, NOW)) == 1
    assert winners(database, NOW + timedelta(seconds=59)) == []
    assert len(winners(database, NOW + timedelta(seconds=61))) == 1


def test_a_turn_is_held_longer_and_ended_by_its_holder_alone(database: Database) -> None:
    with database.write() as connection:
        assert bronze_queue.take_turn(connection, "lista", worker="a", at=NOW, lease_seconds=60)
        later = NOW + timedelta(seconds=50)
        assert bronze_queue.take_turn(connection, "lista", worker="a", at=later, lease_seconds=60)
        bronze_queue.end_turn(connection, "lista", worker="b", at=later)
        at = NOW + timedelta(seconds=70)
        assert not bronze_queue.take_turn(connection, "lista", worker="b", at=at, lease_seconds=60)
        bronze_queue.end_turn(connection, "lista", worker="a", at=at)
        assert bronze_queue.take_turn(connection, "lista", worker="b", at=at, lease_seconds=60)
