"""OpenSSH's own server on loopback, as an ordinary process with a configuration of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

CONFIGURATION = """
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/pid
PasswordAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
Subsystem sftp internal-sftp
"""


def missing_openssh() -> str:
    """Why OpenSSH's server cannot be used here; empty when it can."""
    if shutil.which("sshd", path=_path()) is None:
        return "OpenSSH's sshd is not installed"
    if os.geteuid() == 0 and not _is_separation_folder_made():
        return "/run/sshd cannot be made"
    return ""


def _is_separation_folder_made() -> bool:
    try:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    except OSError:
        return False
    return True


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


@dataclass
class OpenSshServer:
    """Use it in a `with`. It signs this process's user in by `public_key`; paths count from the root folder."""

    folder: Path
    public_key: str
    port: int = 0
    user: str = field(default_factory=getpass.getuser)

    def __enter__(self) -> OpenSshServer:
        self.folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(self.folder / "host_key")], check=True
        )
        (self.folder / "authorized_keys").write_text(f"{self.public_key}\n")
        sshd = shutil.which("sshd", path=_path())
        assert sshd is not None
        for _ in range(20):
            self.port = _free_port()
            (self.folder / "sshd_config").write_text(CONFIGURATION.format(port=self.port, folder=self.folder))
            with (self.folder / "log").open("w") as log:
                self._process = subprocess.Popen(
                    [sshd, "-D", "-e", "-f", str(self.folder / "sshd_config")], stderr=log, stdin=subprocess.DEVNULL
                )
            if self._answers():
                return self
            self._stop()
        raise AssertionError((self.folder / "log").read_text())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def public_host_key(self) -> str:
        return (self.folder / "host_key.pub").read_text().strip()

    def _answers(self) -> bool:
        while self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connected:
                    return connected.recv(4) == b"SSH-"
            except OSError:
                time.sleep(0.02)
        return False

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
