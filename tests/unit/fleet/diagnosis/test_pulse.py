"""The hub's pulse: its own absences become faults of ours, in the past and now."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from afluente.core.clock import SetClock
from afluente.fleet.diagnosis import diagnose
from afluente.fleet.diagnosis.pulse import HubPulse
from afluente.state.database import Database
from afluente.state.fleet_schema import FACTS
from tests.unit.fleet.diagnosis.injected import DAY, SITE, Situation, Told, inject, moment

SILENT = Situation("silent", "", seen="-1 15:40")


def codes(database: Database) -> list[str]:
    with database.read() as connection:
        query = sa.select(FACTS.c.code).where(FACTS.c.site == "*").order_by(FACTS.c.id)
        return list(connection.execute(query).scalars())


def code_of(database: Database, at: str) -> str:
    [found] = [one for one in diagnose(database, day=DAY, at=moment(DAY, at)) if one.site == SITE]
    return found.code


def test_a_steady_pulse_is_one_row_and_no_fault(database: Database) -> None:
    inject(database, SILENT)
    clock = SetClock(moment(DAY, "08:00"))
    pulse = HubPulse(database, clock)
    for _ in range(150):
        pulse.beat()
        clock.advance(seconds=60)
    assert codes(database) == ["hub.alive"]
    assert code_of(database, "10:30") == "inactivity.off_or_no_internet"


def test_a_hub_that_is_down_now_is_ours_although_nobody_wrote_it(database: Database) -> None:
    inject(database, SILENT)
    HubPulse(database, SetClock(moment(DAY, "07:50"))).beat()
    assert code_of(database, "10:30") == "ours.hub_down"


def test_a_hub_that_came_back_tells_how_long_it_was_away(database: Database) -> None:
    inject(database, replace(SILENT, facts=(Told("net.refused", "08:10"), Told("net.timeout", "09:10")), seen="10:25"))
    HubPulse(database, SetClock(moment(DAY, "08:00"))).beat()
    HubPulse(database, SetClock(moment(DAY, "10:15"))).beat()
    assert codes(database) == ["hub.alive", "hub.down"]
    clock = SetClock(moment(DAY, "10:16"))
    pulse = HubPulse(database, clock)
    while clock.now() < moment(DAY, "12:31"):
        pulse.beat()
        clock.advance(seconds=60)
    assert code_of(database, "10:30") == "ours.hub_down"
    with database.write() as connection:
        connection.execute(sa.text("UPDATE agents SET last_seen_at = :at"), {"at": "2026-09-16 15:28:00+00:00"})
    [found] = [one for one in diagnose(database, day=DAY, at=moment(DAY, "12:30")) if one.site == SITE]
    assert found.family == "ours"


def test_the_central_database_is_told_of_once_until_it_is_back(database: Database) -> None:
    clock = SetClock(moment(DAY, "08:00"))
    pulse = HubPulse(database, clock)
    for is_answering in (True, False, False, True, True):
        pulse.central(is_answering=is_answering)
        clock.advance(seconds=60)
    assert codes(database) == ["hub.central_down", "hub.central_restored"]
    pulse.central(is_answering=False)
    clock.advance(seconds=timedelta(minutes=31).total_seconds())
    pulse.central(is_answering=False)
    assert codes(database)[2:] == ["hub.central_down", "hub.central_down"]
