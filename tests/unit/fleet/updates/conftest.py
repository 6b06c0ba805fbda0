from __future__ import annotations

from tests.unit.fleet.hub.conftest import database, world

__all__ = ["database", "world"]
