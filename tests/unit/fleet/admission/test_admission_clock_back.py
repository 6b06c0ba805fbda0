"""A hub whose clock goes back: slots, reservations and measurements of the time that was ahead hold nobody up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from afluente.core.clock import SetClock
from afluente.fleet.admission import Admission, AdmissionSettings
from afluente.fleet.identity import AgentIdentity
from afluente.fleet.slots import SlotSettings
from afluente.fleet.window import WindowSettings
from afluente.state.database import Database
from afluente_agent.protocol.messages import SlotAnswer, SlotRequest

NOW = datetime(2026, 9, 1, 11, tzinfo=UTC)
REQUEST = SlotRequest(1000, 1, 0)


def asked(admission: Admission, site: str) -> SlotAnswer:
    return admission.ask(AgentIdentity("a", site, "k"), REQUEST)


@pytest.mark.parametrize("back", [timedelta(hours=3), timedelta(days=730)])
def test_what_was_held_by_a_clock_that_was_ahead_is_free(database: Database, back: timedelta) -> None:
    clock = SetClock(NOW)
    settings = AdmissionSettings(WindowSettings(first=1), SlotSettings(slot_seconds=100))
    admission = Admission(database, clock, settings, chance=lambda: 0.5)
    assert admission.begin_probe()
    assert asked(admission, "dead").slot
    assert not asked(admission, "waiting").slot
    clock.moment -= back
    assert asked(admission, "waiting").slot
    assert admission.begin_probe()
    assert not admission.begin_probe()


@pytest.mark.parametrize("ahead", [timedelta(hours=3), timedelta(days=730)])
def test_a_clock_that_leaps_while_a_slot_is_held_makes_no_wait_longer(database: Database, ahead: timedelta) -> None:
    clock = SetClock(NOW)
    settings = AdmissionSettings(WindowSettings(first=1), SlotSettings(slot_seconds=100))
    admission = Admission(database, clock, settings, chance=lambda: 0.5)
    held = asked(admission, "first")
    clock.moment += ahead
    admission.release(held.slot)
    assert asked(admission, "second").slot
    assert asked(admission, "third").retry_after_seconds < 60
