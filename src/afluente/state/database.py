"""Opening the state database, and its two kinds of transaction.

Invariant: on SQLite a write transaction takes the write lock when it begins (BEGIN IMMEDIATE), so that what it
read is still true when it commits; a database whose schema is newer than this program is never written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import TYPE_CHECKING, Self

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, ProgrammingError

from afluente.core.errors import StateError
from afluente.state.failures import translate, translated
from afluente.state.schema import REVISION

if TYPE_CHECKING:
    from types import TracebackType

BUSY_TIMEOUT_SECONDS = 30
_WRITES = "afluente_writes"


class Database:
    """An open state database. Threads may share it; each transaction has its own connection."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.place = describe(engine.url)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that sees one moment of the database and writes nothing."""
        with translated(self.place), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that writes; it commits when the block ends and rolls back when it raises."""
        with (
            translated(self.place),
            self.engine.connect().execution_options(**{_WRITES: True}) as connection,
            connection.begin(),
        ):
            yield connection

    def close(self) -> None:
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_state(url: str, project_root: Path, *, busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS) -> Database:
    """Open the database at `url`, creating a SQLite file and bringing the schema up to date where needed.

    A relative SQLite path counts from `project_root`. Raises StateError.
    """
    engine = sqlite_or_postgres(url, project_root, busy_timeout_seconds=busy_timeout_seconds)
    database = Database(engine)
    try:
        _bring_up_to_date(database)
    except BaseException:
        database.close()
        raise
    return database


def sqlite_or_postgres(url: str, project_root: Path, *, busy_timeout_seconds: float) -> sa.Engine:
    """An engine for the URL, with SQLite's pragmas or PostgreSQL's driver set. Connects to nothing yet."""
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        path = sqlite_path(parsed, project_root)
        make_folder(path.parent)
        return sqlite_engine(path, busy_timeout_seconds=busy_timeout_seconds)
    return sa.create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        connect_args={"connect_timeout": 10, "options": "-c lock_timeout=30000 -c timezone=UTC"},
    )


def make_folder(folder: Path) -> None:
    """Make the folder a database's file stands in. Raises StateError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(
            "state.cannot_open",
            f"the state database's folder {folder} cannot be made: {error.strerror}",
            hint="check the permissions of the project's folder, and the space left on its disk",
        ) from error


def sqlite_path(url: URL, project_root: Path) -> Path:
    """The file a SQLite URL names, relative ones counted from the project."""
    if not url.database or url.database == ":memory:":
        raise StateError(
            "state.url",
            "the state's URL names no file",
            hint="write `state: sqlite:///.afluente/state.db` in afluente.yaml",
        )
    return project_root / url.database


def sqlite_engine(
    path: Path, *, busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS, is_begun_by_driver: bool = False
) -> sa.Engine:
    """A SQLite engine in WAL mode whose write transactions begin IMMEDIATE.

    `is_begun_by_driver` is for DBOS, which begins its transactions through the driver or by itself.
    """
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": busy_timeout_seconds})

    @event.listens_for(engine, "connect")
    def _set_up(connection: SqliteConnection, _record: object) -> None:
        connection.isolation_level = "IMMEDIATE" if is_begun_by_driver else None
        connection.execute(f"PRAGMA busy_timeout = {int(busy_timeout_seconds * 1000)}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")

    if not is_begun_by_driver:

        @event.listens_for(engine, "begin")
        def _begin(connection: sa.Connection) -> None:
            mode = "IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "DEFERRED"
            connection.exec_driver_sql(f"BEGIN {mode}")

    return engine


def describe(url: URL) -> str:
    """The database's address without its password, for messages."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{url.host or 'localhost'}{port}/{url.database or ''}"


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        backend = ""
        parsed = None
    if parsed is None or backend not in ("sqlite", "postgresql", "postgres"):
        raise StateError(
            "state.url",
            "the state's URL is neither sqlite nor postgresql",
            hint="write `state: sqlite:///.afluente/state.db` or `state: postgresql://host/database`",
        )
    return parsed


def _bring_up_to_date(database: Database) -> None:
    """Run the migrations unless the schema is current; Alembic is imported only when there is something to run."""
    if schema_revision(database) == REVISION:
        return
    from afluente.state.migrate import migrate

    migrate(database)


def schema_revision(database: Database) -> str | None:
    """The revision the database is at; None for an empty one."""
    try:
        with database.engine.connect() as connection:
            row = connection.execute(sa.text("SELECT version_num FROM alembic_version")).first()
    except DBAPIError as error:
        is_missing = isinstance(error, OperationalError) and "no such table" in str(error.orig)
        if is_missing or (isinstance(error, ProgrammingError) and getattr(error.orig, "sqlstate", "") == "42P01"):
            return None
        raise translate(error, place=database.place) from error
    return None if row is None else str(row[0])
