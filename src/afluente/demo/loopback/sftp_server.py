"""An SFTP server of a partner on this machine, with faults that can be set while it runs.

Invariant: it listens on loopback only, and nobody reads or writes outside its folder.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    import asyncssh

HOST = "127.0.0.1"


@dataclass(slots=True)
class Faults:
    """What goes wrong. Times and bytes count from when they are set; None and 0 are no fault.

    `drop_after_bytes` cuts the connection when so many bytes were written; `full_after_bytes` answers then that no
    space is left; `seconds_a_write` slows each write; `lost_bytes` are cut from the end of a file when it is closed;
    `without_posix_rename` offers plain renames only.
    """

    refuses_logins: bool = False
    drop_after_bytes: int | None = None
    full_after_bytes: int | None = None
    seconds_a_write: float = 0.0
    lost_bytes: int = 0
    without_posix_rename: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """Who may sign in: by key, by password, or by either."""

    user: str
    public_key: str = ""
    password: str = ""


@dataclass
class SftpServer:
    """Use it in a `with`: it serves `folder` from a thread of its own until the end.

    `on_operation` is called in that thread when a client connects, and before each operation that changes something,
    with its name (`connect`, `open`, `write`, `fsync`, `rename`, `remove`) and the file's.
    """

    folder: Path
    account: Account
    host_key: str = ""
    port: int = 0
    faults: Faults = field(default_factory=Faults)
    on_operation: Callable[[str, str], None] | None = None

    def __enter__(self) -> Self:
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._serve, args=(started,), name="loopback-sftp", daemon=True)
        self._thread.start()
        started.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    @property
    def public_host_key(self) -> str:
        """The line a client pins."""
        return self._key.export_public_key().decode().strip()

    @property
    def fingerprint(self) -> str:
        """The same key as `ssh-keygen -l` shows it."""
        return self._key.get_fingerprint("sha256")

    def _serve(self, started: Future[None]) -> None:
        try:
            asyncio.run(self._until_ended(started))
        except Exception as error:
            if started.done():
                raise
            started.set_exception(error)

    async def _until_ended(self, started: Future[None]) -> None:
        import asyncssh

        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._key = (
            asyncssh.import_private_key(self.host_key)
            if self.host_key
            else asyncssh.generate_private_key("ssh-ed25519")
        )
        listener = await asyncssh.create_server(
            lambda: _login(self),
            HOST,
            self.port,
            server_host_keys=[self._key],
            sftp_factory=_session(self),
            compression_algs=("none",),
        )
        self.port = listener.get_port()
        started.set_result(None)
        await self._ended.wait()
        for connection in list(self._connections):
            connection.abort()
        listener.close()
        await listener.wait_closed()


def _login(server: SftpServer) -> asyncssh.SSHServer:
    import asyncssh

    class Login(asyncssh.SSHServer):
        """Lets the one account in."""

        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            self._connection = conn
            server._connections.add(conn)  # noqa: SLF001
            if server.on_operation is not None:
                server.on_operation("connect", "")

        def connection_lost(self, exc: Exception | None) -> None:
            del exc
            server._connections.discard(self._connection)  # noqa: SLF001

        def begin_auth(self, username: str) -> bool:
            account = server.account
            if account.public_key and username == account.user and not server.faults.refuses_logins:
                self._connection.set_authorized_keys(asyncssh.import_authorized_keys(f"{account.public_key}\n"))
            return True

        def password_auth_supported(self) -> bool:
            return bool(server.account.password) and not server.faults.refuses_logins

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (server.account.user, server.account.password)

    return Login()


def _session(server: SftpServer) -> type[asyncssh.SFTPServer]:
    import asyncssh

    class Session(asyncssh.SFTPServer):
        """One client's view of the folder, with the faults that are set."""

        def __init__(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
            super().__init__(chan, chroot=str(server.folder.resolve()).encode())
            self._names: dict[object, bytes] = {}
            self._written = 0

        def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
            if pflags & asyncssh.FXF_WRITE:
                self._tell("open", path)
            file = super().open(path, pflags, attrs)
            self._names[file] = path if pflags & asyncssh.FXF_WRITE else b""
            return file

        def write(self, file_obj: object, offset: int, data: bytes) -> int:
            self._tell("write", self._names[file_obj])
            faults = server.faults
            if faults.seconds_a_write:
                time.sleep(faults.seconds_a_write)
            self._written += len(data)
            if faults.full_after_bytes is not None and self._written > faults.full_after_bytes:
                raise asyncssh.SFTPFailure("No space left on device")
            if faults.drop_after_bytes is not None and self._written > faults.drop_after_bytes:
                self.connection.abort()
                raise asyncssh.SFTPConnectionLost("dropped")
            return super().write(file_obj, offset, data)  # type: ignore[return-value]

        def close(self, file_obj: object) -> None:
            super().close(file_obj)
            name = self._names.pop(file_obj, b"")
            if name and server.faults.lost_bytes:
                local = Path(self.map_path(name).decode())
                size = max(local.stat().st_size - server.faults.lost_bytes, 0)
                with local.open("r+b") as file:
                    file.truncate(size)

        def fsync(self, file_obj: object) -> None:
            self._tell("fsync", self._names[file_obj])
            super().fsync(file_obj)

        def rename(self, oldpath: bytes, newpath: bytes) -> None:
            self._tell("rename", newpath)
            super().rename(oldpath, newpath)

        def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
            if server.faults.without_posix_rename:
                raise asyncssh.SFTPOpUnsupported("not offered")
            self._tell("rename", newpath)
            super().posix_rename(oldpath, newpath)

        def remove(self, path: bytes) -> None:
            self._tell("remove", path)
            super().remove(path)

        def _tell(self, operation: str, path: bytes) -> None:
            if server.on_operation is not None:
                server.on_operation(operation, path.decode().rpartition("/")[2])

    return Session
