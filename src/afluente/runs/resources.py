"""What a step costs: seconds, CPU and peak memory of this process and its children.

Invariant: measuring never fails a step; what the system does not tell is None. CPU is the whole process's, so
steps that run at the same time each count the other's.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

SAMPLE_SECONDS = 0.05
_KIBIBYTE = 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """What was spent between two moments. CPU is user and system time, of ended children too."""

    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int | None


class Meter:
    """Measures the block it is entered for; `cost` is read after it."""

    def __init__(self, *, sample_seconds: float = SAMPLE_SECONDS) -> None:
        self._sample_seconds = sample_seconds
        self._done = threading.Event()
        self._peak_bytes = 0
        self._began = 0.0
        self._cpu_began = 0.0
        self.cost = Cost(seconds=0.0, cpu_seconds=0.0, peak_memory_bytes=None)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._cpu_began = cpu_seconds()
        self._look()
        self._sampler = threading.Thread(target=self._sample, name="meter", daemon=True)
        self._sampler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._sampler.join()
        self._look()
        self.cost = Cost(
            seconds=time.monotonic() - self._began,
            cpu_seconds=max(cpu_seconds() - self._cpu_began, 0.0),
            peak_memory_bytes=self._peak_bytes or None,
        )

    def _sample(self) -> None:
        while not self._done.wait(self._sample_seconds):
            self._look()

    def _look(self) -> None:
        self._peak_bytes = max(self._peak_bytes, memory_bytes())


def cpu_seconds() -> float:
    """CPU time this process and its ended children have used."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def memory_bytes() -> int:
    """Memory this process and its living children hold now. Where /proc is missing, the most it ever held."""
    own = _resident_bytes("self")
    if own == 0:
        unit = 1 if sys.platform == "darwin" else _KIBIBYTE
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return own + sum(_resident_bytes(pid) for pid in _descendants("self"))


def _resident_bytes(pid: str) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _descendants(pid: str) -> list[str]:
    found: list[str] = []
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return found
    for thread in threads:
        try:
            children = (thread / "children").read_text(encoding="ascii").split()
        except OSError:
            continue
        for child in children:
            found.append(child)
            found.extend(_descendants(child))
    return found
