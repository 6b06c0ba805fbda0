"""A hub's update repository on loopback, an agent's folder, and what goes wrong between them when told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from afluente_agent.protocol.messages import FIRST_ROOT, to_json
from afluente_agent.update.apply import Updates
from afluente_agent.update.folder import UpdateFolder
from afluente_agent.update.offer import Offer, body

from afluente.core.clock import SetClock
from afluente.fleet.documents import HubSigner, new_signing_key
from afluente.fleet.first_root import first_root
from afluente.fleet.update_keys import UpdateKeys
from afluente.fleet.updates import RepositoryRule, UpdateRepository
from afluente.state.secret import Secret

START = datetime(2026, 9, 1, 11, tzinfo=UTC)
AGENT = "agent-a"


def new_keys(*, roots: int = 3) -> UpdateKeys:
    def make(count: int) -> tuple[Secret, ...]:
        return tuple(Secret(new_signing_key()) for _ in range(count))

    return UpdateKeys(root=make(roots), targets=make(1), snapshot=make(1), timestamp=make(1))


@dataclass
class Serving:
    """What is served: files of `folder`, but `instead` where something else is sent; `cut_after` breaks answers."""

    folder: Path
    instead: dict[str, bytes] = field(default_factory=dict)
    endless: str = ""
    cut_after: int = 0
    ranges: bool = True
    requests: list[tuple[str, str]] = field(default_factory=list)
    sent_bytes: int = 0
    url: str = ""


@contextmanager
def serve(folder: Path) -> Iterator[Serving]:
    state = Serving(folder)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            path = self.path.removeprefix("/updates/")
            asked = self.headers.get("Range", "")
            state.requests.append((path, asked))
            if state.endless and state.endless in path:
                return self.never_end()
            file = state.folder / path
            content = state.instead.get(path)
            if content is None:
                if ".." in path or not file.is_file():
                    self.send_error(404)
                    return None
                content = file.read_bytes()
            offset = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and state.ranges else 0
            if offset > len(content) or (offset and offset == len(content)):
                self.send_error(416)
                return None
            self.send_response(206 if offset else 200)
            if offset:
                self.send_header("Content-Range", f"bytes {offset}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - offset))
            self.end_headers()
            part = content[offset:]
            if state.cut_after and path.startswith("targets/"):
                part = part[: state.cut_after]
                self.close_connection = True
            self.wfile.write(part)
            state.sent_bytes += len(part)
            return None

        def never_end(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x" * 65536)
            except OSError:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}/updates/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write_version(folder: Path, version: str, *, program: str = "print('hello')\n", extra: int = 0) -> Path:
    """The files of a version: a package with one module, and `extra` bytes that do not pack."""
    source = folder / f"source-{version}"
    package = source / "toy_agent"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text(f"__version__ = {version!r}\n")
    (package / "__main__.py").write_text(program)
    if extra:
        import random

        (package / "ballast.bin").write_bytes(random.Random(version).randbytes(extra))
    return source


def add(repository: UpdateRepository, folder: Path, version: str, **options: object) -> None:
    """A version of the toy agent, added to a repository."""
    source = write_version(folder, version)
    repository.add_version(source, version, start="toy_agent", **options)


@dataclass
class World:
    """Hub and agent; `facts` are those that were left."""

    root: Path
    serving: Serving
    clock: SetClock
    keys: UpdateKeys
    repository: UpdateRepository
    signer: HubSigner
    facts: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def folder(self) -> UpdateFolder:
        return UpdateFolder(self.root / "agent")

    @property
    def hub_time(self) -> int:
        return int(self.clock.now().timestamp())

    def leave(self, code: str, /, **evidence: object) -> None:
        self.facts.append((code, {name: str(value) for name, value in evidence.items()}))

    def codes(self) -> list[str]:
        return [evidence.get("code", code) for code, evidence in self.facts]

    def add(self, version: str, **options: object) -> None:
        extra = options.pop("extra", 0)
        program = options.pop("program", "print('hello')\n")
        source = write_version(self.root, version, program=program, extra=extra)
        self.repository.add_version(source, version, start="toy_agent", **options)

    def updates(self, running: str, **options: object) -> Updates:
        return Updates(
            self.folder,
            running=running,
            leave=self.leave,
            open_http=lambda: httpx.Client(timeout=60, trust_env=False),
            base_url=self.serving.url,
            **options,
        )

    def show_first_root(self, *, signer: HubSigner | None = None) -> None:
        """As the hub does, for agents that enrolled before it had a repository."""
        signed = first_root(self.root / "repository", signer=signer or self.signer)
        assert signed is not None
        self.serving.instead[FIRST_ROOT] = to_json(signed)

    def order(self, version: str, *, action: str = "update", leaving: str = "", number: int = 0, agent: str = AGENT):
        number = number or self.hub_time
        offer = Offer(agent, action, version, "rollout", number, number + 86_400, leaving)
        return self.signer.sign("update", number, body(offer))

    def follow(self, version: str, *, running: str = "1.0.0", order=None, hub_time: int = 0, **options) -> bool:
        """Whether the agent moved to another version."""
        order = order or self.order(version, **options)
        return self.updates(running).follow(
            order, agent=AGENT, hub_keys=self.signer.public_keys, hub_time=hub_time or self.hub_time
        )


@contextmanager
def new_world(root: Path, *, rule: RepositoryRule | None = None) -> Iterator[World]:
    from afluente_agent.update.client import pin_root

    clock, keys = SetClock(START), new_keys()
    repository = UpdateRepository(root / "repository", keys, clock, rule=rule)
    repository.create()
    with serve(root / "repository") as serving:
        world = World(root, serving, clock, keys, repository, HubSigner.from_texts([new_signing_key()]))
        pin_root(world.folder, repository.first_root())
        yield world
