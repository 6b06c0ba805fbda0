"""OpenSSH's server on loopback, started by the benchmark with a configuration and keys of its own.

Invariant: it listens on 127.0.0.1 only, and is stopped by its id when the block ends.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CONFIGURATION = """
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/pid
PasswordAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
Subsystem sftp {sftp_server}
"""
SFTP_SERVERS = (
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
)
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


@dataclass(frozen=True, slots=True)
class Server:
    """How to sign in: the key's file, the user, and the host key to pin."""

    port: int
    user: str
    key: Path
    host_key: str
    known_hosts: Path
    name: str


def is_installed() -> bool:
    return shutil.which("sshd", path=_PATH) is not None and shutil.which("ssh-keygen") is not None


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """A server whose only user is the one who runs this."""
    for name in ("host_key", "key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / name)],
            check=True,
        )
    shutil.copy(folder / "key.pub", folder / "authorized_keys")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    sftp_server = next((path for path in SFTP_SERVERS if Path(path).exists()), "internal-sftp")
    (folder / "sshd_config").write_text(CONFIGURATION.format(port=port, folder=folder, sftp_server=sftp_server))
    host_key = (folder / "host_key.pub").read_text().strip()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n")
    sshd = shutil.which("sshd", path=_PATH)
    assert sshd is not None
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sshd, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log, stdin=subprocess.DEVNULL
        )
    try:
        name = _greeting(process, port)
        yield Server(port, getpass.getuser(), folder / "key", host_key, folder / "known_hosts", name)
    finally:
        process.terminate()
        process.wait()


def _greeting(process: subprocess.Popen[bytes], port: int) -> str:
    while process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connected:
                return connected.recv(255).decode().strip()
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("sshd did not start: see its log")
