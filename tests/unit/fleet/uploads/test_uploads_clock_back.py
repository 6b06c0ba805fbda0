"""A hub whose clock goes back: what comes later still counts as later, and nothing waits for years."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from tests.fleet_world.upload_world import LANDING_KEY, SITE_A, SITE_B
from tests.unit.fleet.uploads.conftest import PACKED, Receiving, announced

from afluente.fleet.landing import LandingStore
from afluente.fleet.landing_key import LandingKeys
from afluente.state.fleet_schema import TRANSMISSIONS

BACK = [timedelta(hours=3), timedelta(days=730)]


@pytest.mark.parametrize("back", [*BACK, timedelta()])
def test_a_transmission_begins_after_the_one_before_it_of_its_list(receiving: Receiving, back: timedelta) -> None:
    first, second, other = announced(), announced(), announced(list_name="gestantes")
    receiving.uploads.start(SITE_A, first)
    began = receiving.row(first.id).started_at
    receiving.clock.moment -= back
    receiving.uploads.start(SITE_A, second)
    assert receiving.row(second.id).started_at == began + timedelta(microseconds=1)
    for site, start in ((SITE_A, other), (SITE_B, announced())):
        receiving.uploads.start(site, start)
        assert receiving.row(start.id).started_at == receiving.clock.now()
    receiving.clock.moment += timedelta(days=731)
    third = announced()
    receiving.uploads.start(SITE_A, third)
    assert receiving.row(third.id).started_at == receiving.clock.now()


@pytest.mark.parametrize("back", BACK)
def test_what_a_dead_process_was_looking_at_lands_after_the_clock_went_back(
    receiving: Receiving, back: timedelta
) -> None:
    start = announced()
    receiving.uploads.start(SITE_A, start)
    LandingStore(receiving.folder, LandingKeys(LANDING_KEY)).append(start.id, 0, PACKED)
    held = {"offset": len(PACKED), "claimed_by": "upload:dead", "due_at": receiving.clock.now() + timedelta(minutes=15)}
    with receiving.database.write() as connection:
        connection.execute(sa.update(TRANSMISSIONS).where(TRANSMISSIONS.c.id == start.id).values(held))
    receiving.uploads.settle()
    assert receiving.row(start.id).state == "receiving"
    receiving.clock.moment -= back
    receiving.uploads.settle()
    assert receiving.row(start.id).state == "landed"


def test_what_began_by_a_clock_that_was_ahead_fills_no_later_day(receiving: Receiving) -> None:
    receiving.clock.moment += timedelta(days=730)
    uploads = receiving.another(most_a_day=3)
    for _ in range(3):
        uploads.start(SITE_A, announced())
    receiving.clock.moment -= timedelta(days=730)
    for _ in range(4):
        assert uploads.start(SITE_A, announced()).state == "receiving"
