"""What a gap in the agent's life is told as: asleep, off, off and started again."""

from __future__ import annotations

from pathlib import Path

import pytest

from afluente_agent.alive import GAP_SECONDS, Alive
from afluente_agent.clock_offset import HubClock
from afluente_agent.uptime import Uptime, uptime

NOON = 1_790_683_200
HOUR = 3600


class Machine:
    """A clock and an uptime that are told."""

    def __init__(self, path: Path) -> None:
        self.at, self.up = float(NOON), Uptime(10 * HOUR, 0)
        self.left: list[tuple[str, dict[str, object]]] = []
        self.path = path

    def process(self) -> Alive:
        clock = HubClock(lambda: self.at, offset_seconds=0)
        clock.learn(int(self.at))
        made = Alive(self.path, clock, lambda code, /, **told: self.left.append((code, told)), uptime=lambda: self.up)
        made.begin()
        return made


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "alive")


def test_a_process_that_slept_with_its_machine_says_so(machine: Machine) -> None:
    alive = machine.process()
    alive.note()
    machine.at, machine.up = NOON + 2 * HOUR, Uptime(12 * HOUR, 2 * HOUR - 20)
    alive.note()
    assert machine.left == [("power.suspended", {"since": NOON, "until": NOON + 2 * HOUR})]


def test_a_process_that_hung_awake_was_not_asleep(machine: Machine) -> None:
    alive = machine.process()
    alive.note()
    machine.at, machine.up = NOON + 2 * HOUR, Uptime(12 * HOUR, 60)
    alive.note()
    assert [code for code, _ in machine.left] == ["power.off"]


def test_a_machine_that_was_started_in_the_gap_says_when(machine: Machine) -> None:
    machine.process().note()
    machine.at, machine.up = NOON + 20 * HOUR, Uptime(600, 0)
    machine.process().note()
    assert machine.left == [
        ("power.off", {"since": NOON, "until": NOON + 20 * HOUR}),
        ("power.boot", {"booted_at": NOON + 20 * HOUR - 600}),
    ]


@pytest.mark.parametrize("up", [Uptime(0, 0), Uptime(30 * HOUR, 0)], ids=["not told", "on all the time"])
def test_an_agent_that_was_killed_on_a_machine_that_stayed_on_says_no_start(machine: Machine, up: Uptime) -> None:
    machine.process().note()
    machine.at, machine.up = NOON + HOUR, up
    machine.process().note()
    assert [code for code, _ in machine.left] == ["power.off"]


def test_sleep_before_the_process_began_is_not_of_its_gap(machine: Machine) -> None:
    machine.up = Uptime(10 * HOUR, 9 * HOUR)
    alive = machine.process()
    alive.note()
    machine.at += GAP_SECONDS + 60
    alive.note()
    assert [code for code, _ in machine.left] == ["power.off"]


def test_this_machine_tells_its_uptime() -> None:
    first, second = uptime(), uptime()
    assert 0 < first.on_seconds <= second.on_seconds
    assert 0 <= first.slept_seconds <= first.on_seconds
