"""State databases of both kinds, and a place to put figures in."""

from __future__ import annotations

from tests.unit.state.conftest import database, migrated_postgres, new_postgres, postgres_uri

__all__ = ["database", "migrated_postgres", "new_postgres", "postgres_uri"]
