"""Every test of the state runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from afluente.state.database import Database


@pytest.fixture
def url(any_empty_url: str) -> str:
    return any_empty_url


@pytest.fixture
def database(any_database: Database) -> Database:
    return any_database
