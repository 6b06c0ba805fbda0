"""A site that is on in the afternoon is told, by the real hub, to send in the afternoon, and its agent does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from afluente_agent.enrol import enrol
from afluente_agent.loop import Loop
from afluente_agent.settings import DataFolder, SettingsStore

from afluente.core.clock import SetClock
from afluente.fleet import activity, remedies
from afluente.state.database import Database
from tests.fleet_world.agent_at_hub import folder, publish_catalogue
from tests.fleet_world.hub_world import HubWorld, hub
from tests.unit.agent.core.agent_core_loop_test import World as AgentWorld

__all__ = ["folder"]

MONDAY = datetime(2026, 8, 10, 3, tzinfo=UTC)
"""Midnight in the site's zone, which is not that of the machine."""


class Machine:
    """An agent on a machine, switched on at the moments it is ticked."""

    def __init__(self, folder: DataFolder, clock: SetClock) -> None:
        self.clock = clock
        self.parts = AgentWorld()
        self.loop = Loop(folder, self.parts.parts, now=self.seconds, steady=self.seconds, dice=lambda: 0.5)

    def seconds(self) -> float:
        return self.clock.now().timestamp()

    def on_at(self, moment: datetime) -> int:
        """Be on at a moment; the readings made in it."""
        before = len(self.parts.extracted)
        self.clock.moment = moment
        for timer in (self.loop.timers.heartbeat, self.loop.timers.reading):
            timer.due = 0
        self.loop.tick()
        assert self.loop.timers.heartbeat.failures == 0
        return len(self.parts.extracted) - before


@pytest.fixture
def clock() -> SetClock:
    return SetClock(MONDAY + timedelta(hours=13))


def afternoon(week: int, day: int, minutes: int) -> datetime:
    return MONDAY + timedelta(weeks=week, days=day, hours=13, minutes=minutes)


def test_the_agent_of_an_afternoon_site_reads_at_the_moment_the_hub_learned(
    database: Database, tmp_path: Path, folder: DataFolder, clock: SetClock
) -> None:
    with hub(database, tmp_path, clock=clock, learn_activity=activity.learn) as world:
        token = world.token()
        enrol(folder, hub=world.server.agents_address, token=token, now=lambda: clock.now().timestamp(), proxy="none")
        publish_catalogue(world)
        machine = Machine(folder, clock)
        for week in range(3):
            for day in range(5):
                for hour in range(4):
                    machine.on_at(afternoon(week, day, hour * 60 + 58))
        week_plan = SettingsStore(folder).load().week
        assert week_plan.times[5:] == ("", "")
        assert all("13:00" <= text < "17:00" for text in week_plan.times[:5])
        read_at = [afternoon(3, 0, minutes) for minutes in range(0, 240, 5) if machine.on_at(afternoon(3, 0, minutes))]
        [moment] = read_at
        local = moment - timedelta(hours=3)
        planned = local.replace(hour=int(week_plan.times[0][:2]), minute=int(week_plan.times[0][3:]))
        assert timedelta() <= local - planned < timedelta(minutes=5)
        version = SettingsStore(folder).load().configuration_version
        assert told_again(world, machine, version) == version
        machine.loop.client.close()


def told_again(world: HubWorld, machine: Machine, version: int) -> int:
    """An operator's hour by a remedy, kept over the days, with no new version of the configuration for it."""
    with world.database.write() as connection:
        given = {"send_at": "06:30"}
        remedies.create(
            connection, "a", "change_schedule", given, by="ana", reason="pedido", at=world.parts.clock.now()
        )
    for day in range(1, 4):
        machine.on_at(afternoon(3, day, 30))
    settings = machine.loop.store.load()
    assert settings.send_at == "06:30"
    return settings.configuration_version
