"""Updates through the rings with real processes: a good version passes, a bad one is rolled back where it was tried.

Invariant: every process that is started here has ended when the `with` has.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from afluente.core.errors import AfluenteError
from afluente.demo.transmissor.hub_world import BY, HubWorld
from afluente.demo.transmissor.site_agents import SiteAgent
from afluente.fleet import rollouts
from afluente_agent.update.client import pin_root
from afluente_agent.update.folder import UpdateFolder
from afluente_agent.update.pointer import Pointer, PointerFile

GOOD, BAD = "1.1.0", "1.2.0"
RINGS = ("piloto", "geral")
WATCHER = "afluente.demo.transmissor.hurried_watcher"
PATIENCE_SECONDS = 300.0
STOP_SECONDS = 20.0
_GOOD = """import sys
import afluente_agent
afluente_agent.__version__ = {version!r}
from afluente_agent.cli import main
sys.exit(main())
"""
_BAD = """import sys
sys.exit(3)
"""


@dataclass(frozen=True, slots=True)
class Update:
    """How a version went. `agents` are counts by ring and status; `running` the version of each watched site."""

    version: str
    status: str
    ring: str
    reason: str
    agents: Mapping[str, Mapping[str, int]]
    running: Mapping[str, str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Updates:
    """Both rollouts. `is_right`: the good one reached all, the bad one nobody beyond the first ring."""

    good: Update
    bad: Update
    is_right: bool


def play_updates(hub: HubWorld, pilots: Collection[SiteAgent], others: Collection[SiteAgent]) -> Updates:
    """Roll out a version that works, then one that crashes as it starts."""
    everybody = [*pilots, *others]
    for version, text in ((GOOD, _GOOD.format(version=GOOD)), (BAD, _BAD)):
        source = hub.project / ".afluente" / "versions" / version
        (source / "demo_agent").mkdir(parents=True)
        (source / "demo_agent" / "__main__.py").write_text(text, encoding="utf-8")
        hub.repository.add_version(source, version, rings=RINGS, start="demo_agent")
    root = hub.repository.first_root()
    for agent in everybody:
        agent.close()
        pin_root(UpdateFolder(agent.folder.root), root)
    with _watched(everybody):
        good = _roll_out(hub, GOOD, everybody, lambda status: status == "done")
        bad = _roll_out(hub, BAD, everybody, lambda status: status == "held" and all(map(_has_left, pilots)))
    seen_beyond = [agent for agent in others if UpdateFolder(agent.folder.root).version(BAD).exists()]
    is_right = (
        good.status == "done"
        and set(good.running.values()) == {GOOD}
        and bad.status == "held"
        and bad.ring == RINGS[0]
        and set(bad.running.values()) == {GOOD}
        and not seen_beyond
        and RINGS[1] not in bad.agents
    )
    return Updates(good, bad, is_right)


def _roll_out(hub: HubWorld, version: str, agents: Collection[SiteAgent], is_over: Callable[[str], bool]) -> Update:
    began = time.monotonic()
    rollout = str(hub.desk.start(version, by=BY, reason="demonstração")["id"])
    while not is_over(_standing(hub, rollout).status):
        if time.monotonic() - began > PATIENCE_SECONDS:
            raise AfluenteError("demo.slow", f"the rollout of {version} came to no end")
        hub.desk.tend()
        time.sleep(0.2)
    standing = _standing(hub, rollout)
    with hub.database.read() as connection:
        counts = rollouts.counts(connection, rollout)
    running = {agent.site: _pointer(agent).version() for agent in agents}
    seconds = time.monotonic() - began
    return Update(version, standing.status, standing.ring, standing.reason, counts, running, seconds)


def _standing(hub: HubWorld, rollout: str) -> rollouts.Rollout:
    with hub.database.read() as connection:
        return rollouts.require(connection, rollout)


def _pointer(agent: SiteAgent) -> Pointer:
    return PointerFile(UpdateFolder(agent.folder.root)).load()


def _has_left(agent: SiteAgent) -> bool:
    return _pointer(agent).is_bad(BAD)


@contextmanager
def _watched(agents: Collection[SiteAgent]) -> Iterator[None]:
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for agent in agents:
            processes.append(_watch(agent.folder.root))  # noqa: PERF401 - those started so far must end
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _watch(root: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", WATCHER, str(root)],
        env={**os.environ, "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
