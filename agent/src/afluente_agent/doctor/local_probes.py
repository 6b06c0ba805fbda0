"""The probes of the machine that the agent runs on.

Invariant: tools of the system are started without a shell, by fixed names and with a limit of time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from afluente_agent import tls
from afluente_agent.bundle_files import bundle_files
from afluente_agent.doctor.probes import Probes
from afluente_agent.settings import default_folder

TOOL_SECONDS = 6.0
RESOLVE_SECONDS = 5.0
MOST_ADDRESSES = 2
NOWHERE = ("192.0.2.1", 9)
"""An address kept for documents: connecting a datagram socket to it sends nothing."""
MODULES = ("asyncpg", "cryptography", "httpx", "truststore", "tuf", "zstandard")
WINDOWS_PEC = (r"C:\Program Files\e-SUS", r"C:\Program Files (x86)\e-SUS", r"D:\Program Files\e-SUS", r"D:\e-SUS")
LINUX_PEC = ("/opt/e-SUS",)
PEC_VARIABLE = "AFLUENTE_PEC"
"""Names PEC's folder where it is in an unusual place."""


class LocalCommands:
    def run(self, *arguments: str) -> str | None:
        tool = shutil.which(arguments[0])
        if tool is None:
            return None
        try:
            done = subprocess.run(  # noqa: S603 - fixed names, no shell
                [tool, *arguments[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=TOOL_SECONDS,
                check=False,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return _decoded(done.stdout)


class LocalDisk:
    def free_bytes(self, folder: Path) -> int:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def try_writing(self, folder: Path) -> None:
        made = [one for one in (folder, *folder.parents) if not one.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write_and_remove(folder / f".doctor-{secrets.token_hex(6)}")
        finally:
            for one in made:
                with contextlib.suppress(OSError):
                    one.rmdir()


class LocalNetwork:
    def has_network(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
            try:
                datagram.connect(NOWHERE)
            except OSError:
                return False
        return True

    def resolve(self, host: str, port: int) -> Sequence[str]:
        found: list[Sequence[str] | OSError] = []

        def ask() -> None:
            try:
                answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                found.append(list(dict.fromkeys(str(one[4][0]) for one in answers)))
            except (OSError, UnicodeError) as error:
                found.append(error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, "not a name"))

        asking = threading.Thread(target=ask, name="doctor-resolve", daemon=True)
        asking.start()
        asking.join(RESOLVE_SECONDS)
        if not found:
            raise socket.gaierror(socket.EAI_AGAIN, "no answer in time")
        if isinstance(found[0], OSError):
            raise found[0]
        return found[0]

    def connect(self, host: str, port: int, seconds: float) -> socket.socket:
        last: OSError = socket.gaierror(socket.EAI_NONAME, "no address")
        for address in self.resolve(host, port)[:MOST_ADDRESSES]:
            try:
                return socket.create_connection((address, port), timeout=seconds)
            except OSError as error:
                last = error
        raise last


class LocalWall:
    def now(self) -> float:
        return time.time()

    def utc_offset_minutes(self) -> int:
        return time.localtime().tm_gmtoff // 60


def local_probes() -> Probes:
    """The probes of this machine."""
    is_windows = sys.platform == "win32"
    return Probes(
        system="windows" if is_windows else "linux",
        commands=LocalCommands(),
        disk=LocalDisk(),
        network=LocalNetwork(),
        wall=LocalWall(),
        environment=os.environ,
        pec_folders=pec_folders(is_windows=is_windows),
        data_folders=[default_folder().root],
        own_files=installed_files,
        trust=tls.system_trust,
        machine_modules=MODULES,
        is_administrator=is_administrator(),
        socket_tables=[Path("/proc/net/tcp"), Path("/proc/net/tcp6")],
    )


def pec_folders(*, is_windows: bool) -> Sequence[Path]:
    """Where PEC is usually installed, after the folder that the environment names."""
    named = os.environ.get(PEC_VARIABLE)
    usual = WINDOWS_PEC if is_windows else LINUX_PEC
    return [Path(one) for one in ((named, *usual) if named else usual)]


def is_administrator() -> bool:
    """Whether this process may see what belongs to the system."""
    if sys.platform == "win32":
        import ctypes

        return bool(ctypes.windll.shell32.IsUserAnAdmin())
    return os.geteuid() == 0


def installed_files() -> Sequence[Path]:
    """The files that the installer put here; none when the installation kept no list of them."""
    if getattr(sys, "frozen", False):
        return bundle_files(Path(sys.executable).parent)
    try:
        files = metadata.files("afluente-agent") or []
    except metadata.PackageNotFoundError:
        return []
    return [Path(str(one.locate())) for one in files if one.suffix not in (".pyc", "")]


def _write_and_remove(path: Path) -> None:
    content = secrets.token_bytes(4096)
    try:
        with path.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.read_bytes() != content:
            raise OSError(errno.EIO, "what was read is not what was written")
    finally:
        path.unlink(missing_ok=True)


def _decoded(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp850", errors="replace")
