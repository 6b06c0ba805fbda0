from __future__ import annotations

from tests.unit.fleet.hub.conftest import database, migrated_postgres, new_postgres, postgres_uri, world

__all__ = ["database", "migrated_postgres", "new_postgres", "postgres_uri", "world"]
