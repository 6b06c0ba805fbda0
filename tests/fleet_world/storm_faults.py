"""Everything that goes wrong, one fault at a time and some of them lingering into the next.

A fault begins a day's work, waits until that work can be seen where it strikes, strikes, and mends what it broke.
"""

from __future__ import annotations

import os
import random
import resource
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from tests.fleet_world import storm_ledger
from tests.fleet_world.storm_line import Mode
from tests.fleet_world.storm_postgres import Postgres
from tests.fleet_world.storm_power_cut import PowerCut
from tests.fleet_world.storm_world import SITES, Agent, StormWorld, soon

HOURS, YEARS = 3 * 3600, 2 * 365 * 86400
MOST_FORCED = 45
"""A day's work of an agent forces its files to the disk about this often."""
FULL_BYTES = (0, 0, 300, 2_000, 9_000, 40_000)
"""How large a file may still become on a disk that is full."""
Undo = Callable[[], None]


class Faults:
    """Strikes a world. `struck` counts the faults by kind, `history` names them in their order."""

    def __init__(self, world: StormWorld, chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        self._lingering: list[Undo] = []
        self.struck: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        self.history: list[str] = []
        self.kinds: dict[str, Callable[[], None]] = {
            "agent killed": self._kill_agent,
            "power cut": self._cut_power,
            "disk full at a site": self._fill_site,
            "disk full at the hub": self._fill_hub,
            "hub killed": self._kill_hub,
            "both hubs killed": self._kill_hubs,
            "central database killed": lambda: self._kill_postgres(self._world.central),
            "state database killed": lambda: self._kill_postgres(self._world.state),
            "PEC killed": lambda: self._kill_postgres(self._world.pec.server),
            "line drops": lambda: self._spoil_line("drop"),
            "line half-open": lambda: self._spoil_line("half_open"),
            "line of 56 kbit/s": lambda: self._spoil_line("slow"),
            "answer lost": lambda: self._spoil_line("answer_lost"),
            "clock off by 3 hours": lambda: self._set_clock(HOURS),
            "clock off by 2 years": lambda: self._set_clock(YEARS),
            "power cut at the hub": self._cut_power_of_hub,
            "hub's clock off by 3 hours": lambda: self._set_hub_clock(HOURS),
            "hub's clock off by 2 years": lambda: self._set_hub_clock(YEARS),
        }

    def strike(self, kind: str) -> None:
        before, self._lingering = self._lingering, []
        self.kinds[kind]()
        for undo in before:
            undo()
        if self._chance.random() < 0.5:
            self.mend()
        self._restart_the_dead()
        self.struck[kind] += 1

    def mend(self) -> None:
        """Nothing lingers any more."""
        while self._lingering:
            self._lingering.pop()()

    def _note(self, what: str) -> None:
        self.history.append(what)

    def _site(self) -> str:
        return self._chance.choice(SITES)

    def _work(self) -> Agent:
        """A day begins at a site, and now and then at all of them."""
        site = self._site()
        for other in SITES:
            if other == site or self._chance.random() < 0.25:
                self._world.begin_day(other)
        return self._world.agents[site]

    def _kill_agent(self) -> None:
        agent = self._die_at_work()
        self._note(f"agent of {agent.site} killed")
        agent.start()

    def _cut_power(self) -> None:
        agent = self._die_at_work()
        taken = PowerCut(agent.ledger, self._chance).strike(agent.data.root)
        self.taken += taken
        self._note(f"power cut at {agent.site}: {dict(taken)}")
        agent.record_as_durable()
        agent.start()

    def _die_at_work(self) -> Agent:
        """The agent ends in the middle of what it writes, or anywhere."""
        agent = self._work()
        if self._chance.random() < 0.2:
            soon(lambda: agent.waiting() > 0, seconds=self._chance.uniform(0, 1))
        else:
            storm_ledger.aim(agent.ledger, self._chance.randint(1, MOST_FORCED), is_after=self._chance.random() < 0.3)
            soon(agent.is_dead, seconds=6)
        agent.kill()
        (agent.ledger / storm_ledger.CUT).unlink(missing_ok=True)
        return agent

    def _fill_site(self) -> None:
        agent = self._work()
        most = self._chance.choice(FULL_BYTES)
        self._note(f"disk of {agent.site} full at {most}")
        _bound_files(agent.pid, most)
        day = self._world.day
        soon(lambda: agent.settled_day() >= day or agent.is_dead(), seconds=2)
        filled = agent.process
        self._lingering.append(
            lambda: _bound_files(agent.pid, resource.RLIM_INFINITY) if agent.process is filled else None
        )

    def _fill_hub(self) -> None:
        agent = self._work()
        most = self._chance.choice(FULL_BYTES)
        pids = [hub.process.pid for hub in self._world.hubs if hub.process is not None]
        self._note(f"disk of the hub full at {most}")
        for pid in pids:
            _bound_files(pid, most)
        self._await_upload(agent)
        soon(lambda: agent.waiting() == 0, seconds=1)
        for pid in pids:
            _bound_files(pid, resource.RLIM_INFINITY)

    def _kill_hub(self) -> None:
        self._await_upload(self._work())
        hub = self._chance.choice(self._world.hubs)
        self._note("a hub killed")
        hub.kill()
        hub.start()

    def _kill_hubs(self) -> None:
        self._await_upload(self._work())
        self._note("both hubs killed")
        for hub in self._world.hubs:
            hub.kill()
        for hub in self._world.hubs:
            hub.start()

    def _cut_power_of_hub(self) -> None:
        agent = self._work()
        self._await_upload(agent)
        if self._chance.random() < 0.7:
            soon(lambda: agent.waiting() == 0, seconds=self._chance.uniform(0, 2))
        for hub in self._world.hubs:
            hub.kill()
        taken: Counter[str] = Counter()
        for folder in self._world.hub_folders:
            taken += PowerCut(self._world.hub_ledger, self._chance).strike(folder)
        self._note(f"power cut at the hub: {dict(taken)}")
        self.taken += taken
        self._world.record_hub_as_durable()
        for hub in self._world.hubs:
            hub.start()

    def _set_hub_clock(self, seconds: float) -> None:
        agent = self._work()
        off = seconds * self._chance.choice([-1, 1])
        self._note(f"clock of the hub off by {off:.0f} s")
        if self._chance.random() < 0.5:
            self._await_upload(agent)
        self._world.set_hub_clock(off)
        day = self._world.day
        soon(lambda: agent.settled_day() >= day, seconds=4)
        self._lingering.append(lambda: self._world.set_hub_clock(0))

    def _kill_postgres(self, server: Postgres) -> None:
        agent = self._work()
        self._note(f"a database killed: {server.folder.name}")
        match self._chance.choice(["reading", "sending", "loading"]):
            case "sending":
                self._await_upload(agent)
            case "loading":
                soon(lambda: bool(self._world.states().keys() & {"landed", "loading"}), seconds=3)
            case _:
                soon(lambda: agent.waiting() > 0, seconds=1)
        server.kill()
        server.start()

    def _spoil_line(self, mode: Mode) -> None:
        agent = self._work()
        line = self._world.lines[agent.site]
        self._note(f"line of {agent.site}: {mode}")
        if self._chance.random() < 0.6:
            self._await_upload(agent)
        line.become(mode)
        connections = line.connections
        soon(lambda: line.felt > 0, seconds=6)
        if mode == "half_open":
            soon(lambda: line.connections > connections, seconds=7)
        if mode == "slow":
            soon(lambda: line.felt > 20, seconds=4)
        self._lingering.append(lambda: line.become("ok"))

    def _set_clock(self, seconds: float) -> None:
        agent = self._work()
        off = seconds * self._chance.choice([-1, 1])
        self._note(f"clock of {agent.site} off by {off:.0f} s")
        if self._chance.random() < 0.5:
            self._await_upload(agent)
        agent.set_clock(off)
        day = self._world.day
        soon(lambda: agent.settled_day() >= day, seconds=4)
        if self._chance.random() < 0.5:
            self._lingering.append(lambda: agent.set_clock(0))

    def _await_upload(self, agent: Agent) -> None:
        """Until bytes go over the site's line, and a moment more."""
        line = self._world.lines[agent.site]
        before = line.carried_bytes + self._chance.randint(1, 20_000)
        soon(lambda: line.carried_bytes >= before, seconds=3)

    def _restart_the_dead(self) -> None:
        """As the service does that runs them."""
        for site, agent in self._world.agents.items():
            if agent.is_dead():
                assert agent.process is not None
                self._note(f"agent of {site} had ended with {agent.process.returncode}")
                self.struck["agent ended by itself"] += 1
                agent.start()
        for hub in self._world.hubs:
            if hub.is_dead():
                self._note("a hub had ended")
                self.struck["hub ended by itself"] += 1
                hub.start()


def _bound_files(pid: int, most_bytes: int) -> None:
    """No file of a process may grow beyond so many bytes: the kernel writes short, and then says EFBIG."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))
