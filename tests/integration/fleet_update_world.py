"""A hub on loopback that takes heartbeats and serves updates, and agents that are real processes under real watchers."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from afluente_agent.protocol.messages import to_json
from afluente_agent.update.client import pin_root
from afluente_agent.update.folder import UpdateFolder
from afluente_agent.update.pointer import Pointer, PointerFile
from tests.fleet_world.signing_agent import SigningAgent, heartbeat, machine
from tests.unit.agent.update.update_world import new_keys

from afluente.fleet import enrolment, rollouts, sites
from afluente.fleet.documents import HubSigner, new_signing_key
from afluente.fleet.heartbeats import register_heartbeat
from afluente.fleet.identity import AgentIdentity
from afluente.fleet.sites import NewSite
from afluente.fleet.updates import UpdateRepository
from afluente.state.database import Database

WATCHER = Path(__file__).with_name("fleet_update_watcher.py")
PATIENCE_SECONDS = 240.0
PATIENT_RULE = {"reach_hub_seconds": 180.0, "hang_seconds": 180.0}
RULES = {
    "hang": PATIENT_RULE | {"hang_seconds": 10.0},
    "no_hub": PATIENT_RULE | {"reach_hub_seconds": 15.0},
}
"""The time after which a version is given up is short only where that is what the test waits for."""

TOY = """
import json, os, signal, sys, threading, time
from pathlib import Path
VERSION, MODE = "{version}", "{mode}"
if MODE == "crash":
    sys.exit(3)
import httpx
from afluente_agent.protocol.messages import SignedDocument, from_json
from afluente_agent.update.apply import Updates
from afluente_agent.update.folder import UpdateFolder
from afluente_agent.update.health import EXIT_FOR_UPDATE, HealthFile, follow_watcher
root = Path(os.environ["AFLUENTE_AGENT_HOME"])
toy = json.loads((root / "toy.json").read_text())
folder, stop = UpdateFolder(root), threading.Event()
health = HealthFile.from_environment(folder)
signal.signal(signal.SIGTERM, lambda *_: stop.set())
follow_watcher(stop.set)
(root / "pid.new").write_text(str(os.getpid()))
os.replace(root / "pid.new", root / "pid")
def leave(code, /, **evidence):
    with (root / "facts.jsonl").open("a") as file:
        file.write(json.dumps({{"code": code, **{{k: str(v) for k, v in evidence.items()}}}}) + "\\n")
updates = Updates(folder, running=VERSION, leave=leave, base_url=toy["hub"] + "updates/",
                  open_http=lambda: httpx.Client(timeout=30, trust_env=False))
hub = "http://127.0.0.1:9/" if MODE == "no_hub" else toy["hub"]
http = httpx.Client(timeout=30, trust_env=False)
while not stop.is_set():
    health.alive()
    if MODE == "hang":
        time.sleep(3600)
    try:
        told = {{"site": toy["site"], "version": VERSION, "status": updates.status()}}
        answer = http.post(hub + "beat", json=told).json()
    except httpx.HTTPError:
        stop.wait(0.3)
        continue
    health.reached_hub()
    if answer["update"]:
        order = from_json(SignedDocument, answer["update"].encode())
        if updates.follow(order, agent=toy["agent"], hub_keys=toy["hub_keys"], hub_time=int(time.time())):
            sys.exit(EXIT_FOR_UPDATE)
    stop.wait(0.3)
"""


def write_toy(folder: Path, version: str, mode: str) -> Path:
    source = folder / f"toy-{version}"
    (source / "toy_agent").mkdir(parents=True)
    (source / "toy_agent" / "__main__.py").write_text(TOY.format(version=version, mode=mode))
    return source


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Fleet:
    """`seen` are the versions that each site's heartbeats told."""

    root: Path
    database: Database
    url: str = ""
    seen: dict[str, set[str]] = field(default_factory=dict)
    identities: dict[str, AgentIdentity] = field(default_factory=dict)
    watchers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    sequence: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.clock = RealClock()
        self.signer = HubSigner.from_texts([new_signing_key()])
        self.repository = UpdateRepository(self.root / "updates", new_keys(), self.clock)
        self.repository.create()

    def add_version(self, version: str, mode: str = "good") -> None:
        self.repository.add_version(write_toy(self.root, version, mode), version, start="toy_agent")

    def enrol(self, site: str, ring: str) -> None:
        at, agent = self.clock.now(), SigningAgent()
        with self.database.write() as connection:
            sites.register(connection, [NewSite(site, "3550308", "SP", site, ring=ring)], by="ana", at=at)
            [(_, token)] = enrolment.create_tokens(connection, [site], by="ana", at=at, days=1)
            of = machine(site, install=f"install-{site}", disk=f"disk-{site}")
            answer = enrolment.enrol(connection, agent.request(token, of), at=at, hub_signer=self.signer)
        self.identities[site] = AgentIdentity(answer.agent, site, answer.key)
        folder = UpdateFolder(self.home(site))
        pin_root(folder, self.repository.first_root())
        toy = {"hub": self.url, "site": site, "agent": answer.agent, "hub_keys": self.signer.public_keys}
        (folder.root / "toy.json").write_text(json.dumps(toy))

    def watch(self, site: str, *, trying: str = "good") -> subprocess.Popen[bytes]:
        rule = json.dumps(RULES.get(trying, PATIENT_RULE))
        command = [sys.executable, str(WATCHER), str(self.home(site)), str(self.root / "toy-1.0.0"), rule]
        process = subprocess.Popen(command, env={**_environment(), "PYTHONUNBUFFERED": "1"})
        self.watchers.append(process)
        return process

    def beat(self, told: dict[str, str]) -> str:
        """What the agents' door does with a heartbeat that was found signed."""
        site = told["site"]
        with self.lock:
            self.sequence += 1
            self.seen.setdefault(site, set()).add(told["version"])
            of = machine(site, install=f"install-{site}", disk=f"disk-{site}", version=told["version"])
            beat = replace(heartbeat(self.sequence, of=of), update_status=told["status"])
            at = self.clock.now()
            with self.database.write() as connection:
                answer = register_heartbeat(connection, self.identities[site], beat, at=at, signer=self.signer)
                rollouts.tend(connection, at=at + timedelta(seconds=1))
        order = getattr(answer, "update", None)
        return "" if order is None else to_json(order).decode()

    def home(self, site: str) -> Path:
        return self.root / "agents" / site

    def pointer(self, site: str) -> Pointer:
        return PointerFile(UpdateFolder(self.home(site))).load()

    def facts(self, site: str) -> list[dict[str, str]]:
        file = self.home(site) / "facts.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def until(self, come: Callable[[], bool], what: str) -> None:
        ends = time.monotonic() + PATIENCE_SECONDS
        while not come():
            if time.monotonic() > ends:
                state = {site: (self.pointer(site), self.facts(site)) for site in self.identities}
                raise AssertionError(f"{what} did not come: {state}")
            time.sleep(0.1)


@contextmanager
def open_fleet(root: Path, database: Database) -> Iterator[Fleet]:
    fleet = Fleet(root, database)
    write_toy(root, "1.0.0", "good")

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(json.dumps({"update": fleet.beat(told)}).encode())

        def do_GET(self) -> None:
            file = fleet.repository.folder / self.path.removeprefix("/updates/")
            if file.is_file():
                self.answer(file.read_bytes())
            else:
                self.send_error(404)

        def answer(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fleet.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield fleet
    finally:
        for watcher in fleet.watchers:
            watcher.terminate()
        for watcher in fleet.watchers:
            watcher.wait()
        server.shutdown()
        thread.join()
        server.server_close()


def _environment() -> dict[str, str]:
    import os

    return dict(os.environ)
