"""A whole fleet as processes: PEC databases, agents, a bad line for each, two hubs, and the central database.

Three PostgreSQL servers (PEC, the hubs' state, the central database), each of which can be killed; one agent and one
line for each site. Everything that is waited for is something that can be seen from outside.
"""

from __future__ import annotations

import base64
import os
import random
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from tests.fleet_world import storm_ledger
from tests.fleet_world.storm_line import Line
from tests.fleet_world.storm_pec import Pec, catalogue
from tests.fleet_world.storm_postgres import Postgres

from afluente.core.clock import SystemClock
from afluente.fleet import documents, enrolment, sites
from afluente.fleet.documents import HubSigner, new_signing_key
from afluente.state.database import Database, open_state
from afluente_agent.enrol import enrol
from afluente_agent.settings import DataFolder, SettingsStore

ROOT = Path(__file__).parents[2]
SITES = ["alfa", "beta", "gama"]
CHUNK_BYTES = 16 * 1024
PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.03
CONFIGURATION = """
name: rede
timezone: America/Sao_Paulo
state: secret:env:STATE
fleet:
  signing_key: secret:file:hub.key
  landing_key: secret:file:landing.key
  central: secret:env:CENTRAL
  limits: {heartbeat_seconds: 120}
"""


class StormStalled(AssertionError):
    """Something that had to happen did not."""


def until(is_so: Callable[[], bool], what: Callable[[], str], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something is so. StormStalled, which says `what` there is instead."""
    if not soon(is_so, seconds=seconds):
        raise StormStalled(what())


def soon(is_so: Callable[[], bool], *, seconds: float) -> bool:
    """Whether something is so within some seconds."""
    ends = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > ends:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def tell(path: Path, value: float) -> None:
    """Put a number where a process looks for it."""
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(str(value))
    beside.replace(path)


@dataclass
class Agent:
    """The agent of a site, with the machine it runs on."""

    site: str
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    @property
    def data(self) -> DataFolder:
        return DataFolder(self.folder / "data")

    @property
    def control(self) -> Path:
        return self.folder / "control"

    @property
    def ledger(self) -> Path:
        return self.control / "ledger"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        self.starts += 1
        arguments = [str(self.data.root), str(self.control)]
        with (self.control / "errors").open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.fleet_world.storm_agent", *arguments], cwd=ROOT, stderr=errors
            )

    def is_dead(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def begin_day(self, day: int) -> None:
        tell(self.control / "day", day)

    def set_clock(self, seconds: float) -> None:
        tell(self.control / "clock", seconds)

    def settled_day(self) -> int:
        path = self.control / "settled"
        try:
            return int(path.read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def waiting(self) -> int:
        return sum(1 for _ in self.data.spool.glob("waiting/*/manifest"))

    def quarantined(self) -> int:
        return sum(1 for _ in self.data.spool.glob("quarantine/*"))

    def record_as_durable(self) -> None:
        """Everything on this machine's disk is there for good: the ledger begins anew. Its memory of commits stays."""
        storm_ledger.begin(self.ledger, self.data.root)


@dataclass
class Hub:
    """One hub process."""

    project: Path
    environment: dict[str, str]
    process: subprocess.Popen[str] | None = None
    port: int = 0
    starts: int = 0

    def start(self) -> None:
        self.starts += 1
        with (self.project.parent / "hub_errors").open("a") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.fleet_world.storm_hub", str(self.project)],
                cwd=ROOT,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        threading.Thread(target=self._hear_port, args=(self.process,), daemon=True).start()

    def _hear_port(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            line = process.stdout.readline().strip()
        if line and process is self.process:
            self.port = int(line)

    def is_dead(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def kill(self) -> None:
        if self.process is not None:
            process, self.process = self.process, None
            process.kill()
            process.wait()
        self.port = 0


@dataclass
class StormWorld:
    folder: Path
    chance: random.Random
    central: Postgres
    state: Postgres
    pec: Pec
    hubs: list[Hub]
    lines: dict[str, Line]
    agents: dict[str, Agent]
    database: Database
    day: int = 0

    def hub_ports(self) -> list[int]:
        return [hub.port for hub in self.hubs if hub.port]

    @property
    def hub_folders(self) -> list[Path]:
        """Where the hubs keep what is not in a database."""
        project = self.hubs[0].project
        return [project / ".afluente" / "fleet" / "landing", project / "lake"]

    @property
    def hub_ledger(self) -> Path:
        return self.folder / "ledger"

    def record_hub_as_durable(self) -> None:
        storm_ledger.begin(self.hub_ledger, *self.hub_folders)

    def set_hub_clock(self, seconds: float) -> None:
        tell(self.folder / "clock", seconds)

    def begin_day(self, site: str) -> None:
        """People are seen at a site, and its lists are due."""
        self.pec.work(site, self.chance)
        self.day += 1
        self.agents[site].begin_day(self.day)

    def states(self) -> dict[str, int]:
        """How many transmissions stand how."""
        query = "SELECT state, count(*) FROM transmissions GROUP BY state"
        with psycopg.connect(self.state.uri()) as connection:
            return dict(connection.execute(query).fetchall())

    def waits_for_bronze(self) -> int:
        """How many loaded transmissions are not kept in bronze yet."""
        with psycopg.connect(self.state.uri()) as connection:
            found = connection.execute("SELECT count(*) FROM bronze_queue").fetchone()
        return found[0] if found else 0

    def settle(self) -> None:
        """Every site's lists are read once more, sent, loaded and kept in bronze. StormStalled."""
        self.day += 1
        for agent in self.agents.values():
            agent.begin_day(self.day)
        until(
            lambda: all(agent.settled_day() >= self.day for agent in self.agents.values()),
            lambda: f"the agents settled on {[one.settled_day() for one in self.agents.values()]}, not on {self.day}",
        )
        until(
            lambda: set(self.states()) <= {"loaded", "refused"}, lambda: f"transmissions stand still: {self.states()}"
        )
        until(lambda: not self.waits_for_bronze(), lambda: f"{self.waits_for_bronze()} transmissions wait for bronze")

    def stop(self) -> None:
        for agent in self.agents.values():
            agent.kill()
        for hub in self.hubs:
            hub.kill()
        for line in self.lines.values():
            line.close()


@contextmanager
def storm_world(folder: Path, chance: random.Random) -> Iterator[StormWorld]:
    """The fleet, enrolled, with its first lists due; every process has ended when the `with` has."""
    servers: list[Postgres] = []
    try:
        for name in ("central", "state", "pec"):
            servers.append(Postgres(name))
        central, state, pec = servers
        project, environment = _project(folder, central, state)
        database = open_state(state.uri(), folder)
        try:
            hubs = [Hub(project, environment) for _ in range(2)]
            agents = {site: Agent(site, folder / site) for site in SITES}
            world = StormWorld(folder, chance, central, state, Pec(pec, SITES, folder), hubs, {}, agents, database)
            world.lines |= {site: Line(world.hub_ports, random.Random(chance.random())) for site in SITES}
            try:
                for hub in hubs:
                    hub.start()
                until(lambda: len(world.hub_ports()) == len(hubs), lambda: (folder / "hub_errors").read_text()[-2000:])
                _enrol(world, project)
                yield world
            finally:
                world.stop()
        finally:
            database.close()
    finally:
        for server in servers:
            server.close()


def _project(folder: Path, central: Postgres, state: Postgres) -> tuple[Path, dict[str, str]]:
    project = folder / "rede"
    project.mkdir()
    for name, text in (
        ("hub.key", new_signing_key()),
        ("landing.key", base64.b64encode(secrets.token_bytes(32)).decode()),
    ):
        (project / name).write_text(text)
        (project / name).chmod(0o600)
    (project / "afluente.yaml").write_text(CONFIGURATION)
    return project, {**os.environ, "STATE": state.uri(), "CENTRAL": central.uri()}


def _enrol(world: StormWorld, project: Path) -> None:
    at = SystemClock().now()
    signer = HubSigner.from_texts([(project / "hub.key").read_text()])
    with world.database.write() as connection:
        new = [sites.NewSite(site, "3550308", "SP", site) for site in SITES]
        sites.register(connection, new, by="ana", at=at)
        tokens = dict(enrolment.create_tokens(connection, SITES, by="ana", at=at, days=7))
        documents.publish(
            connection, kind="catalogue", name="default", content=catalogue(), by="ana", at=at, signer=signer
        )  # type: ignore[arg-type]
    for site, agent in world.agents.items():
        agent.control.mkdir(parents=True)
        address = f"http://127.0.0.1:{world.lines[site].port}"
        enrol(agent.data, hub=address, token=tokens[site], now=time.time, proxy="none")
        SettingsStore(agent.data).update(
            pec_host="127.0.0.1",
            pec_port=world.pec.server.port,
            pec_database=site,
            pec_credentials=str(world.pec.credentials),
            chunk_bytes=CHUNK_BYTES,
        )
        agent.record_as_durable()
        agent.start()
