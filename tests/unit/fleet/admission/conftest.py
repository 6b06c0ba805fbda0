"""Every test of the admission runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from afluente.state.database import Database


@pytest.fixture
def database(any_database: Database) -> Database:
    return any_database
