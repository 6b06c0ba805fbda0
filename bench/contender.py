"""One contender measured in a process of its own: seconds, CPU seconds and the peak memory of it and its children.

Invariant: nothing is measured in this process, and only processes started here are ever stopped.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
_SAMPLE_SECONDS = 0.05
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Contender:
    """A name and the command that does the whole job. `note` says why it cannot run, if it cannot."""

    name: str
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    done: frozenset[int] = frozenset({0})


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one run took. `failure` holds the end of its stderr when it did not finish."""

    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int
    output: str = ""
    failure: str = ""


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of this package with this interpreter."""
    return [sys.executable, "-W", "ignore", "-m", name, *arguments]


def measure(contender: Contender, *, memory_limit_bytes: int | None = None) -> Measurement:
    """Run the contender once; stop it when it and its children hold more than the limit."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **contender.environment}
    started = time.perf_counter()
    with subprocess.Popen(
        contender.command,
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        watch = _MemoryWatch(process, memory_limit_bytes)
        watch.start()
        errors: list[str] = []
        reader = threading.Thread(target=lambda: errors.append(process.stderr.read() if process.stderr else ""))
        reader.start()
        output = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        watch.finished.set()
        watch.join()
        reader.join()
    failure = ""
    if watch.went_over:
        failure = f"stopped: used more than {memory_limit_bytes} bytes"
    elif process.returncode not in contender.done:
        failure = f"exit status {process.returncode}: {''.join(errors).strip()[-600:]}"
    largest_process_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Measurement(
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_memory_bytes=max(watch.peak_bytes, largest_process_bytes),
        output=output,
        failure=failure,
    )


def middle(measurements: Sequence[Measurement]) -> Measurement:
    """The median of the seconds and of the CPU seconds, the largest memory, the last output."""
    return Measurement(
        seconds=median(m.seconds for m in measurements),
        cpu_seconds=median(m.cpu_seconds for m in measurements),
        peak_memory_bytes=max(m.peak_memory_bytes for m in measurements),
        output=measurements[-1].output,
        failure=next((m.failure for m in measurements if m.failure), ""),
    )


class _MemoryWatch(threading.Thread):
    """Samples the resident memory of a process and all its descendants together."""

    def __init__(self, process: subprocess.Popen[str], limit_bytes: int | None) -> None:
        super().__init__(daemon=True)
        self.process = process
        self.limit_bytes = limit_bytes
        self.finished = threading.Event()
        self.peak_bytes = 0
        self.went_over = False

    def run(self) -> None:
        while not self.finished.wait(_SAMPLE_SECONDS):
            self.peak_bytes = max(
                self.peak_bytes,
                sum(_resident_bytes(pid) for pid in _family(self.process.pid)),
            )
            if self.limit_bytes is not None and self.peak_bytes > self.limit_bytes and not self.went_over:
                self.went_over = True
                self.process.kill()


def _family(pid: int) -> list[int]:
    """A process and its descendants; empty where there is no /proc."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for t in threads for child in (t / "children").read_text().split()]
    except OSError:
        return []
    return [pid, *(member for child in children for member in _family(child))]


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0
