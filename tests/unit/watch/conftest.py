"""State databases for the tests: of both kinds, or SQLite alone where the database makes no difference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.state.conftest import database, migrated_postgres, new_postgres, postgres_uri

from afluente.state.database import Database, open_state

__all__ = ["database", "local_database", "migrated_postgres", "new_postgres", "postgres_uri"]


@pytest.fixture
def local_database(tmp_path: Path) -> Iterator[Database]:
    """An open SQLite state database with the newest schema."""
    with open_state("sqlite:///.afluente/state.db", tmp_path) as opened:
        yield opened
