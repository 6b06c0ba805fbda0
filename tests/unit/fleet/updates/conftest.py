"""A repository of updates with keys of its own, and the fleet of the hub's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.agent.update.update_world import START, new_keys
from tests.unit.fleet.hub.conftest import database, world

from afluente.core.clock import SetClock
from afluente.fleet.update_keys import UpdateKeys
from afluente.fleet.updates import UpdateRepository

__all__ = ["database", "world"]


@pytest.fixture
def clock() -> SetClock:
    return SetClock(START)


@pytest.fixture
def keys() -> UpdateKeys:
    return new_keys()


@pytest.fixture
def repository(tmp_path: Path, keys: UpdateKeys, clock: SetClock) -> UpdateRepository:
    made = UpdateRepository(tmp_path / "updates", keys, clock)
    made.create()
    return made
