"""A real PostgreSQL as the central database, and a state on SQLite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from fleet_loading_world import World

from afluente.state.database import Database


@pytest.fixture
def dsn(new_postgres: Callable[..., str]) -> str:
    """The address of an empty central database."""
    return new_postgres()


@pytest.fixture
def rows(dsn: str) -> Callable[[str], list[tuple[object, ...]]]:
    def ask(query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(dsn) as connection:
            return connection.execute(query).fetchall()

    return ask


@pytest.fixture
def world(database: Database, tmp_path: Path, dsn: str) -> World:
    made = World(database, dsn, tmp_path)
    made.add_sites("s1", "s2")
    return made
