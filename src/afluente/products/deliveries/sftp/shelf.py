"""A folder behind SFTP as a shelf.

Invariant: a rename replaces at once where the server can do that (`posix-rename@openssh.com`, or version 5 and
later); elsewhere what has the name is removed first, which is safe before `.ok` is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import stat
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from afluente.products.deliveries.delivery import DeliveryContext
from afluente.products.deliveries.sftp.config import Config
from afluente.products.deliveries.sftp.connect import connect
from afluente.products.deliveries.sftp.failure import failure, no_space
from afluente.products.deliveries.sftp.transfer import answered, equal_bytes, flush, upload

if TYPE_CHECKING:
    from asyncssh import SFTPClient, SSHClientConnection

_T = TypeVar("_T")
_LEAVING_SECONDS = 5.0


class SftpShelf:
    """Files directly in the configured folder. Connects at its first use; close it."""

    def __init__(self, config: Config, context: DeliveryContext, *, label: str) -> None:
        self.label = label
        self._config = config
        self._context = context
        self._runner = asyncio.Runner()
        self._connection: SSHClientConnection | None = None
        self._client: SFTPClient | None = None

    def check(self) -> dict[str, str]:
        """Sign in and look at the folder. DeliveryError when it is none, or nobody may write it."""
        import asyncssh

        async def look(sftp: SFTPClient) -> None:
            attributes = await sftp.stat(self._config.folder or ".")
            mode = attributes.permissions
            is_folder = attributes.type == asyncssh.FILEXFER_TYPE_DIRECTORY or (mode is not None and stat.S_ISDIR(mode))
            if not is_folder or (mode is not None and not mode & 0o222):
                raise asyncssh.SFTPPermissionDenied("not a folder that can be written")

        self._do("open the folder", look)
        assert self._connection is not None
        return {
            "address": self._config.address,
            "cipher": str(self._connection.get_extra_info("send_cipher")),
            "server": str(self._connection.get_extra_info("server_version")),
        }

    def size(self, name: str) -> int | None:
        import asyncssh

        async def look(sftp: SFTPClient) -> int | None:
            try:
                return (await sftp.stat(self._path(name))).size or 0
            except asyncssh.SFTPNoSuchFile:
                return None

        return self._do(f"look at {name}", look)

    def read(self, name: str, limit_bytes: int) -> bytes | None:
        import asyncssh

        async def take(sftp: SFTPClient) -> bytes | None:
            try:
                async with sftp.open(self._path(name), asyncssh.FXF_READ, encoding=None) as file:
                    return cast(bytes, await file.read(limit_bytes))
            except asyncssh.SFTPNoSuchFile:
                return None

        return self._do(f"read {name}", take)

    def equal_bytes(self, name: str, path: Path) -> int:
        timeout = self._config.timeout_seconds
        return self._do(
            f"compare {name}",
            lambda sftp: equal_bytes(sftp, self._path(name), path, timeout_seconds=timeout),
            is_watched=True,
        )

    def put(self, name: str, path: Path, offset: int) -> None:
        import asyncssh

        timeout = self._config.timeout_seconds

        async def send(sftp: SFTPClient) -> None:
            try:
                await upload(sftp, self._path(name), path, offset=offset, timeout_seconds=timeout)
            except asyncssh.SFTPFailure:
                if await self._is_full(sftp):
                    raise no_space(f"{self.label}: upload {name} at {self._config.address}") from None
                raise

        self._do(f"upload {name}", send, is_watched=True)

    def write(self, name: str, content: bytes) -> None:
        import asyncssh

        async def put(sftp: SFTPClient) -> None:
            flags = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC
            async with sftp.open(self._path(name), flags, encoding=None) as file:
                await file.write(content)
                await flush(file, timeout_seconds=self._config.timeout_seconds)

        self._do(f"write {name}", put)

    def rename(self, name: str, to: str) -> None:
        import asyncssh

        async def move(sftp: SFTPClient) -> None:
            old, new = self._path(name), self._path(to)
            try:
                await sftp.posix_rename(old, new)
            except asyncssh.SFTPOpUnsupported:
                await _remove(sftp, new)
                await sftp.rename(old, new)

        self._do(f"rename {name}", move)

    def remove(self, name: str) -> None:
        self._do(f"remove {name}", lambda sftp: _remove(sftp, self._path(name)))

    def close(self) -> None:
        """End the connection, whatever state it is in."""

        async def leave(connection: SSHClientConnection) -> None:
            connection.close()
            try:
                await answered(connection.wait_closed(), _LEAVING_SECONDS)
            except TimeoutError:
                connection.abort()

        connection, self._connection, self._client = self._connection, None, None
        try:
            if connection is not None:
                self._runner.run(leave(connection))
        finally:
            self._runner.close()

    def _path(self, name: str) -> str:
        folder = self._config.folder
        return f"{folder.rstrip('/')}/{name}" if folder else name

    async def _is_full(self, sftp: SFTPClient) -> bool:
        """Whether the server says that its disk has no block left for us; version 3 has no error code for that."""
        import asyncssh

        try:
            found = await answered(sftp.statvfs(self._config.folder or "."), self._config.timeout_seconds)
        except (asyncssh.SFTPError, TimeoutError):
            return False
        return found.bavail == 0

    def _do(
        self, doing: str, work: Callable[[SFTPClient], Coroutine[object, object, _T]], *, is_watched: bool = False
    ) -> _T:
        """Carry one thing out, connecting first where needed; `is_watched` work has its own timeouts. DeliveryError."""
        import asyncssh

        async def whole() -> _T:
            sftp = await self._signed_in()
            return await (work(sftp) if is_watched else answered(work(sftp), self._config.timeout_seconds))

        try:
            return self._runner.run(whole())
        except (asyncssh.Error, OSError, EOFError) as error:
            raise failure(error, self._config, label=self.label, doing=doing) from error

    async def _signed_in(self) -> SFTPClient:
        if self._client is None:
            self._connection = await connect(self._config, self._context, label=self.label)
            self._client = await answered(_start(self._connection), self._config.timeout_seconds)
        return self._client


async def _start(connection: SSHClientConnection) -> SFTPClient:
    return await connection.start_sftp_client()


async def _remove(sftp: SFTPClient, path: str) -> None:
    import asyncssh

    with contextlib.suppress(asyncssh.SFTPNoSuchFile):
        await sftp.remove(path)
