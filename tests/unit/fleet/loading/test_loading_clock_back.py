"""A hub whose clock goes back: what a process held or put off while it was ahead is not left for years."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fleet_loading_world import World
from test_bronze_keeper import loaded

from afluente.fleet import bronze_queue, claims
from afluente.lake.lake import Lake

BACK = [timedelta(hours=3), timedelta(days=730)]


@pytest.mark.parametrize("back", BACK)
def test_a_claim_and_a_retry_of_a_clock_that_was_ahead_are_taken_over(world: World, back: timedelta) -> None:
    world.land("s1", [])
    world.land("s2", [])
    with world.database.write() as connection:
        held, failed = claims.claim(connection, worker="dead", at=world.clock.now(), lease_seconds=60, limit=2)
        due_at = world.clock.now() + timedelta(minutes=10)
        claims.put_back(connection, failed, worker="dead", due_at=due_at, error_code="central.failed")
        assert claims.claim(connection, worker="other", at=world.clock.now(), lease_seconds=60) == []
        at = world.clock.now() - back
        taken = claims.claim(connection, worker="other", at=at, lease_seconds=60, limit=2)
    assert {one.id for one in taken} == {held.id, failed.id}


@pytest.mark.parametrize("back", BACK)
def test_bronze_goes_on_after_the_clock_went_back(world: World, back: timedelta) -> None:
    lake = Lake(str(world.folder / "lake"), project_name="t", clock=world.clock)
    loaded(world, "s1")
    put_off = loaded(world, "s2")
    with world.database.write() as connection:
        until = world.clock.now() + timedelta(minutes=10)
        bronze_queue.put_off(connection, [put_off], until=until)
        bronze_queue.take_turn(connection, "hipertensos", worker="dead", at=world.clock.now(), lease_seconds=300)
    keeper = world.keeper(lake, age_seconds=300)
    assert keeper.keep_due() == 0
    world.clock.moment -= back
    assert keeper.keep_due() == 2
    assert world.queued() == set()
