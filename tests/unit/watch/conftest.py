"""State databases for the tests: SQLite, and both kinds where SQL could differ (starting PostgreSQL's costs)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.state.conftest import database as any_database
from tests.unit.state.conftest import migrated_postgres, new_postgres, postgres_uri

from afluente.state.database import Database, open_state

__all__ = ["any_database", "database", "migrated_postgres", "new_postgres", "postgres_uri"]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An open SQLite state database with the newest schema."""
    with open_state("sqlite:///.afluente/state.db", tmp_path) as opened:
        yield opened
