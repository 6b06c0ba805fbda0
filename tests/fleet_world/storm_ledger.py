"""What of a process's files would outlive a power cut, as the process itself forces it to the disk.

`keep(ledger)` takes the place of `os.fsync` in the process that calls it: a file's content at the moment of the call,
and the names of a folder, go into the ledger's folder by inode; a folder that is made has no names until it is
forced. The kernel keeps everything anyway, so what the ledger does not hold is what a power cut may take:
`storm_power_cut` takes it.

A file `cut` in the ledger ("3 before") lets the process kill itself at the third call from then on, in the middle of
what it was writing.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import stat
import threading
from pathlib import Path

COMMITTED = "committed"
CUT = "cut"
_ID = re.compile(r"[0-9a-f-]{36}")
_lock = threading.Lock()
_make_folder = os.mkdir


def keep(ledger: Path) -> None:
    """Record from now on."""
    for folder in (ledger / "files", ledger / "folders"):
        folder.mkdir(parents=True, exist_ok=True)

    def force(descriptor: int) -> None:
        with _lock:
            is_cut_after = _is_cut(ledger)
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                place = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
                record_folder(ledger, status.st_ino, place)
                if place.name == "waiting":
                    _note_committed(ledger, place)
            else:
                record_file(ledger, status.st_ino, Path(f"/proc/self/fd/{descriptor}"))
            if is_cut_after:
                os.kill(os.getpid(), signal.SIGKILL)

    def make(path: object, *arguments: object, **options: object) -> None:
        _make_folder(path, *arguments, **options)  # type: ignore[arg-type]
        with contextlib.suppress(OSError), _lock:
            _put(ledger / "folders" / str(os.stat(path).st_ino), b"{}")  # type: ignore[arg-type]

    os.fsync = force  # type: ignore[assignment]
    os.mkdir = make  # type: ignore[assignment]


def begin(ledger: Path, *roots: Path) -> None:
    """A new ledger, in which everything that stands below some folders is on the disk; commits stay known."""
    for name in ("files", "folders"):
        shutil.rmtree(ledger / name, ignore_errors=True)
        (ledger / name).mkdir(parents=True)
    for root in roots:
        record_all(ledger, root)


def record_all(ledger: Path, folder: Path) -> None:
    """Everything below a folder, and its own names, as on the disk."""
    record_folder(ledger, folder.stat().st_ino, folder)
    for path in folder.rglob("*"):
        number = path.stat().st_ino
        if path.is_dir():
            record_folder(ledger, number, path)
        else:
            record_file(ledger, number, path)


def record_folder(ledger: Path, number: int, folder: Path) -> None:
    names = {}
    for entry in os.scandir(folder):
        with contextlib.suppress(FileNotFoundError):
            names[entry.name] = (entry.inode(), entry.is_dir(follow_symlinks=False))
    _put(ledger / "folders" / str(number), json.dumps(names).encode())


def record_file(ledger: Path, number: int, path: Path) -> None:
    _put(ledger / "files" / str(number), path.read_bytes())


def committed(ledger: Path) -> set[str]:
    """The transmissions that the process had on the disk, whole and named, at some time."""
    path = ledger / COMMITTED
    return {line for line in path.read_text().split("\n")[:-1] if _ID.fullmatch(line)} if path.exists() else set()


def aim(ledger: Path, forced: int, *, is_after: bool) -> None:
    """Let the process die at its `forced`th call, before or after what is forced is on the disk."""
    _put(ledger / CUT, f"{forced} {'after' if is_after else 'before'}".encode())


def _is_cut(ledger: Path) -> bool:
    """Counts down; dies here when it is to die before the call does anything. Whether it is to die after it."""
    try:
        number, when = (ledger / CUT).read_text().split()
    except (FileNotFoundError, ValueError):
        return False
    if int(number) > 1:
        _put(ledger / CUT, f"{int(number) - 1} {when}".encode())
        return False
    (ledger / CUT).unlink()
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    return True


def _note_committed(ledger: Path, waiting: Path) -> None:
    known = committed(ledger)
    new = [path.parent.name for path in waiting.glob("*/manifest") if path.parent.name not in known]
    if new:
        with (ledger / COMMITTED).open("a") as file:
            file.write("".join(f"\n{name}\n" for name in new))


def _put(path: Path, content: bytes) -> None:
    beside = path.with_name(f"{path.name}.new{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(path)
