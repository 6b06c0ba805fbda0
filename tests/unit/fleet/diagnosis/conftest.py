"""State databases with the fleet's tables, copied from one that was migrated once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from afluente.state.database import Database, open_state

NewDatabase = Callable[[], AbstractContextManager[Database]]


@pytest.fixture
def database(any_database: Database) -> Database:
    return any_database


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("migrated")
    open_state("sqlite:///state.db", folder).close()
    return folder / "state.db"


@pytest.fixture(scope="module")
def new_database(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> NewDatabase:
    """Opens a database of its own each time it is called."""
    made = iter(range(10_000))
    folder = tmp_path_factory.mktemp("states")

    @contextmanager
    def make() -> Iterator[Database]:
        path = folder / f"state-{next(made)}.db"
        shutil.copyfile(migrated_sqlite, path)
        with open_state(f"sqlite:///{path.name}", folder) as opened:
            yield opened
        path.unlink()

    return make
