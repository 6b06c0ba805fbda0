"""Which process this is, and whether another one still lives.

Invariant: a process is held dead only on proof: the same host, and no process of that number and start time.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

_STATE_FIELD = 0
_START_FIELD = 19


@dataclass(frozen=True, slots=True)
class Process:
    """A process of some host. `started` tells it from a later one of the same number; "" is not known."""

    pid: int
    started: str
    host: str


def this_process() -> Process:
    pid = os.getpid()
    return Process(pid=pid, started=_start_of(pid) or "", host=this_host())


def this_host() -> str:
    """The host's name, and the process namespace where there is one: numbers mean nothing in another container."""
    try:
        namespace = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()} {namespace}"


def is_proved_dead(process: Process) -> bool:
    """Whether a process of this host is gone; of another host nothing is proved."""
    if process.host != this_host():
        return False
    if Path("/proc/self/stat").exists():
        return _start_of(process.pid) != process.started
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _start_of(pid: int) -> str | None:
    """Clock ticks from boot to the process's start; None when it is gone or only waits to be reaped.

    Source: proc(5), /proc/pid/stat.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[_STATE_FIELD] in ("Z", "X") else fields[_START_FIELD]
