"""Files that survive a power cut: written whole beside, synced, then put in place; and locks between processes.

Invariant: a reader sees the old content or the new, never a part; what `replace` returned from is on the disk.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

_NO_SPACE = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_NO_SPACE_ON_WINDOWS = frozenset({39, 112})
PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def make_folder(folder: Path) -> None:
    """A folder that only its owner may enter, with those above it; one that was made is on the disk. OSError."""
    if folder.is_dir():
        return
    if not folder.parent.is_dir():
        make_folder(folder.parent)
    folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    with contextlib.suppress(PermissionError):
        sync_folder(folder.parent)


def replace(path: Path, content: bytes) -> None:
    """Put a private file in place, whole and synced. OSError."""
    make_folder(path.parent)
    beside = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable. Windows keeps them with the file."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(path: Path, *, is_waiting: bool = True) -> Iterator[None]:
    """Hold a lock file, which the system lets go when the process dies. BlockingIOError when taken and not waiting."""
    make_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    try:
        _lock(descriptor, is_waiting=is_waiting)
        yield
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int, *, is_waiting: bool) -> None:
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_LOCK if is_waiting else msvcrt.LK_NBLCK, 1)
            except OSError as error:
                if not is_waiting:
                    raise BlockingIOError from error
            else:
                return
else:
    import fcntl

    def _lock(descriptor: int, *, is_waiting: bool) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX if is_waiting else fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_disk_full(error: OSError) -> bool:
    """Whether the disk, or what this user may have of it, has no room."""
    return error.errno in _NO_SPACE or getattr(error, "winerror", None) in _NO_SPACE_ON_WINDOWS
