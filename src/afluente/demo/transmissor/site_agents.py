"""The municipalities' agents: the agent's own code with a data folder each, several of them in this process.

Invariant: an agent does nothing that it would not do on a municipality's machine; only its timers are turned by hand.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from afluente.core.errors import AfluenteError
from afluente.demo.leaping_clock import LeapingClock
from afluente.demo.transmissor.municipal_servers import MunicipalServers
from afluente_agent.clock_offset import HubClock
from afluente_agent.default_parts import default_parts
from afluente_agent.enrol import Enrolled, enrol
from afluente_agent.facts import Leave
from afluente_agent.loop import Loop
from afluente_agent.parts import Parts
from afluente_agent.settings import DataFolder, Settings, SettingsStore

AT_ONCE = 6
PATIENCE_SECONDS = 300.0
NEVER = float("inf")
PROCESS_SECONDS = 300


@dataclass(slots=True)
class SiteAgent:
    """The agent of a site. `loop` is there once it is enrolled."""

    site: str
    folder: DataFolder
    clock: LeapingClock
    loop: Loop | None = field(default=None, repr=False)

    def now(self) -> float:
        return self.clock.now().timestamp()

    def enrol(self, hub: str, token: str) -> Enrolled:
        return enrol(self.folder, hub=hub, token=token, now=self.now, proxy="none")

    def find_pec(self, servers: MunicipalServers) -> None:
        """What the doctor finds on a municipality's machine is told here: all databases are on one server."""
        address = servers.address(self.site)
        SettingsStore(self.folder).update(
            pec_host=address.host,
            pec_port=address.port,
            pec_database=address.database,
            pec_credentials=str(servers.credentials(self.site)),
        )

    def open(self) -> Loop:
        if self.loop is None:
            self.loop = Loop(self.folder, _parts_without_doctor, now=self.now)
        return self.loop

    def beat(self) -> None:
        """A heartbeat alone."""
        self._turn(("heartbeat",))

    def read_and_send(self) -> None:
        """A heartbeat, the reading of every list, and its sending, in as many turns as the hub's slots ask for."""
        SettingsStore(self.folder).update(last_extracted_at=0)
        self._turn(("heartbeat", "reading", "sending"))
        loop, ends = self.open(), time.monotonic() + PATIENCE_SECONDS
        while loop.parts.waiting().waiting_segments:
            if time.monotonic() > ends:
                raise AfluenteError("demo.slow", f"the agent of {self.site} could not send")
            time.sleep(max(0.0, min(0.5, loop.timers.sending.due - time.monotonic())))
            loop.tick()
        self._turn(("heartbeat",))

    def leave(self, code: str, /, **evidence: object) -> None:
        """A fact in the agent's journal, told with its next heartbeat."""
        self.open().journal.leave(code, **evidence)

    def close(self) -> None:
        if self.loop is not None:
            self.loop.client.close()
            self.loop = None

    def _turn(self, parts: tuple[str, ...]) -> None:
        loop = self.open()
        for name, timer in loop.timers.by_name():
            timer.due = 0.0 if name in parts else NEVER
        loop.tick()


def together(agents: Iterable[SiteAgent], do: Callable[[SiteAgent], object]) -> None:
    """Do the same with several agents, some at once; the first failure is raised."""
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="agent") as pool:
        for done in [pool.submit(do, agent) for agent in agents]:
            done.result()


def agent_command(folder: DataFolder, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`afluente-agent` as a process of its own."""
    command = [sys.executable, "-m", "afluente_agent", *words, "--home", str(folder.root)]
    environment = {**os.environ, "PYTHONUTF8": "1", **variables}
    return subprocess.run(  # noqa: S603 - our own program
        command, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=PROCESS_SECONDS, check=False
    )


def new_agent(root: Path, site: str, clock: LeapingClock) -> SiteAgent:
    return SiteAgent(site, DataFolder(root / site), clock)


def _parts_without_doctor(folder: DataFolder, *, leave: Leave, clock: HubClock) -> Parts:
    """The doctor would find one machine that stands for many; it is shown by itself."""

    def find_nothing(_settings: Settings) -> tuple[str, ...]:
        return ()

    return replace(default_parts(folder, leave=leave, clock=clock), diagnose=find_nothing)
