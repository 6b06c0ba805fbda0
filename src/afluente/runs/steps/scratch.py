"""The folder below `.afluente/spill` where one process keeps what it needs only while it works.

Invariant: a process holds a lock on its folder for as long as it lives, so that what a killed one left is known for
what it is, and goes when the next one opens its own.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_LOCK = ".lock"


class Scratch:
    """The folder of the process that makes it. `left` are the names of those that were found left behind, and removed."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.left = tuple(_sweep(root))
        self.name = ""
        while not self.name:
            name = uuid.uuid4().hex
            descriptor = os.open(root / f"{name}{_LOCK}", os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_there(root / f"{name}{_LOCK}", descriptor):
                self.name = name
            else:
                os.close(descriptor)
        self._root = root
        self._descriptor = descriptor
        self.folder = root / self.name
        self.folder.mkdir(mode=0o700)

    def close(self) -> None:
        """Remove the folder and give up the lock."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(FileNotFoundError):
            (self._root / f"{self.name}{_LOCK}").unlink()
        os.close(self._descriptor)


def _sweep(root: Path) -> Iterator[str]:
    """Remove the folders whose processes are gone, each with its lock held; their names."""
    for lock in sorted(root.glob(f"*{_LOCK}")):
        try:
            descriptor = os.open(lock, os.O_RDWR)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(root / lock.stem, ignore_errors=True)
            lock.unlink(missing_ok=True)
            yield lock.stem
        except OSError:
            continue
        finally:
            os.close(descriptor)


def _is_there(path: Path, descriptor: int) -> bool:
    """Whether the file that was locked is still the one of its name: a sweep may have come in between."""
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False
