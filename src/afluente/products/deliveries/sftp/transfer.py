"""Blocks of a file to and from a server, many of them on the way at once.

Invariant: a block is written at its own offset, so that the order of answers does not matter; a wait that brings no
answer at all for the timeout ends in TimeoutError.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar, cast

from afluente.products.deliveries.place import unreadable

if TYPE_CHECKING:
    from asyncssh import SFTPClient, SFTPClientFile

MOST_BLOCK_BYTES = 255 * 1024
"""What OpenSSH takes at once. Source: sftp-server.c, SFTP_MAX_MSG_LENGTH less 1024."""
LEAST_BLOCK_BYTES = 32 * 1024
REQUESTS = 64
_T = TypeVar("_T")


@dataclass(slots=True)
class _Answers:
    count: int = 0


@dataclass(slots=True)
class _Equal:
    """The first byte from which the two differ, as far as is known."""

    limit: int


async def upload(sftp: SFTPClient, name: str, path: Path, *, offset: int, timeout_seconds: float) -> None:
    """Write `path` from `offset` on to the file `name`, and bring it to the server's disk where that is offered."""
    import asyncssh

    with _Ours(path) as ours:
        flags = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | (0 if offset else asyncssh.FXF_TRUNC)
        file = await sftp.open(name, flags, encoding=None, block_size=0)
        try:
            if offset and ((await answered(file.stat(), timeout_seconds)).size or 0) > ours.size_bytes:
                await answered(file.truncate(offset), timeout_seconds)
            await _write(file, ours, offset, _block_bytes(sftp.limits.max_write_len), timeout_seconds)
            await flush(file, timeout_seconds=timeout_seconds)
        finally:
            await file.close()


async def equal_bytes(sftp: SFTPClient, name: str, path: Path, *, timeout_seconds: float) -> int:
    """How many first bytes of the file `name` are those of `path`, a block that differs counting as none."""
    import asyncssh

    with _Ours(path) as ours:
        file = await sftp.open(name, asyncssh.FXF_READ, encoding=None, block_size=0)
        try:
            held = (await file.stat()).size or 0
            equal = _Equal(min(held, ours.size_bytes))
            answers = _Answers()
            block_bytes = _block_bytes(sftp.limits.max_read_len)
            offsets = iter(range(0, equal.limit, block_bytes))

            async def compare() -> None:
                for at in offsets:
                    if at >= equal.limit:
                        return
                    size = min(block_bytes, equal.limit - at)
                    if await _read(file, at, size, answers) != ours.block(at, size):
                        equal.limit = min(equal.limit, at)

            await watched(_together(compare() for _ in range(REQUESTS)), answers, timeout_seconds)
            return equal.limit
        finally:
            await file.close()


async def flush(file: SFTPClientFile, *, timeout_seconds: float) -> None:
    """Bring a file to the server's disk, where that is offered (`fsync@openssh.com`)."""
    import asyncssh

    with contextlib.suppress(asyncssh.SFTPOpUnsupported):
        await answered(file.fsync(), timeout_seconds)


async def watched(work: Coroutine[object, object, _T], answers: _Answers, timeout_seconds: float) -> _T:
    """The result of `work`; TimeoutError when it neither ends nor counts an answer for so long."""
    task = asyncio.ensure_future(work)
    try:
        while True:
            seen = answers.count
            done, _ = await asyncio.wait({task}, timeout=timeout_seconds)
            if done:
                return task.result()
            if answers.count == seen:
                raise TimeoutError
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def answered(work: Coroutine[object, object, _T], timeout_seconds: float) -> _T:
    """The result of one request and its answer."""
    return await watched(work, _Answers(), timeout_seconds)


async def _write(file: SFTPClientFile, ours: _Ours, offset: int, block_bytes: int, timeout_seconds: float) -> None:
    answers = _Answers()
    offsets = iter(range(offset, ours.size_bytes, block_bytes))

    async def send() -> None:
        for at in offsets:
            await file.write(ours.block(at, block_bytes), at)
            answers.count += 1

    await watched(_together(send() for _ in range(REQUESTS)), answers, timeout_seconds)


async def _read(file: SFTPClientFile, at: int, size: int, answers: _Answers) -> bytes:
    """All of a block, which a server may give in pieces."""
    held = bytearray()
    while len(held) < size:
        piece = cast(bytes, await file.read(size - len(held), at + len(held)))
        answers.count += 1
        if not piece:
            break
        held += piece
    return bytes(held)


async def _together(works: Iterable[Coroutine[object, object, None]]) -> None:
    """All of them at once; the first failure ends the others and is raised as it is."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _block_bytes(server_limit: int) -> int:
    return max(min(server_limit, MOST_BLOCK_BYTES), LEAST_BLOCK_BYTES)


class _Ours:
    """A file of the release, read in blocks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise unreadable(path, error) from error
        self.size_bytes = os.fstat(self._descriptor).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def block(self, at: int, size: int) -> bytes:
        try:
            return os.pread(self._descriptor, size, at)
        except OSError as error:
            raise unreadable(self._path, error) from error
