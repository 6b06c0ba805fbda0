"""Where a release's files stand, and how they come to stand there whole.

Invariant: a folder appears under a release's number only when every byte of it is on the disk; one process at a time
builds releases of a project on a machine; what a process that died left behind is removed by the next one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

RELEASES = "releases"
LEDGER = ".afluente/ledger"
FILES = "files"
PICTURES = "pictures"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
REPORT = "report.html"
_LOCK = ".afluente/release.lock"
_BUILDING = ".building"


def release_folder(product: str, number: int) -> str:
    """Relative to the project."""
    return f"{RELEASES}/{product}/{number:06d}"


def ledger_folder(partner: str, release_id: str) -> str:
    """Relative to the project."""
    return f"{LEDGER}/{partner}/{release_id}"


@contextmanager
def release_lock(root: Path) -> Iterator[None]:
    """Waits until no other process builds a release of this project. The lock ends with its process."""
    path = root / _LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def building(root: Path, product: str) -> Iterator[Path]:
    """An empty folder beside the releases of a product; it is gone afterwards, unless it was published."""
    folder = root / RELEASES / product / _BUILDING
    if folder.exists():
        shutil.rmtree(folder)
    (folder / FILES).mkdir(parents=True)
    try:
        yield folder
    finally:
        if folder.exists():
            shutil.rmtree(folder)


def publish(folder: Path, target: Path) -> None:
    """Put a built folder in its place. What stands there is of a build that was never recorded: it goes first."""
    settle(folder)
    if target.exists():
        shutil.rmtree(target)
    folder.rename(target)
    _sync_folder(target.parent)


def settle(folder: Path) -> None:
    """Bring every file below a folder, and the names, to the disk."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            _sync_folder(path)
    _sync_folder(folder)


def remove_unrecorded(root: Path, release_ids: Collection[str]) -> None:
    """Remove the ledger folders of builds that were never recorded."""
    ledger = root / LEDGER
    partners = sorted(ledger.iterdir()) if ledger.is_dir() else []
    for partner in partners:
        for folder in sorted(partner.iterdir()) if partner.is_dir() else []:
            if folder.name not in release_ids:
                shutil.rmtree(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
