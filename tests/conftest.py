"""What holds for every test: one thread of BLAS, properties, and state databases.

No property fails because the machine is busy, and each draws the same examples every time, so that the same code gets
the same answer; with AFLUENTE_PROOF=full it draws others.
A state is SQLite unless a test asks for any kind; then it runs on PostgreSQL too, on one server of the whole session.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from tests.postgres_server import postgres_server

from afluente.state.database import Database, open_state

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

settings.register_profile(
    "afluente",
    deadline=None,
    derandomize=os.environ.get("AFLUENTE_PROOF") != "full",
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("afluente")

SQLITE = "sqlite:///.afluente/state.db"


@pytest.fixture(scope="session")
def postgres_uri() -> Iterator[str]:
    """The address of a PostgreSQL server of this session."""
    with postgres_server() as server:
        yield str(server.get_uri())


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
def any_empty_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty state database, relative to `tmp_path` on SQLite."""
    if request.param == "sqlite":
        return SQLITE
    make: Callable[..., str] = request.getfixturevalue("new_postgres")
    return make()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An open state database with the newest schema."""
    url = SQLITE
    if request.param == "postgresql":
        make: Callable[..., str] = request.getfixturevalue("new_postgres")
        url = make(copy_of=request.getfixturevalue("migrated_postgres"))
    with open_state(url, tmp_path) as opened:
        yield opened


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An open SQLite state database with the newest schema, in the project `tmp_path`."""
    with open_state(SQLITE, tmp_path) as opened:
        yield opened
