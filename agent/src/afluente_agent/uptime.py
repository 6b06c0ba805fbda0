"""How long the machine has been on, and how much of that it slept, by clocks that nobody sets.

Invariant: where the system does not tell, nothing is guessed: a machine that never slept and was always on.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Uptime:
    """Seconds since the machine started, sleep included, and those it slept; `on_seconds` is 0 when it is not told."""

    on_seconds: float
    slept_seconds: float


def uptime() -> Uptime:
    """The uptime now."""
    if sys.platform == "win32":
        return _windows()
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return Uptime(0, 0)
    on_seconds = time.clock_gettime(time.CLOCK_BOOTTIME)
    return Uptime(on_seconds, max(on_seconds - time.clock_gettime(time.CLOCK_MONOTONIC), 0))


def _windows() -> Uptime:
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
    kernel.GetTickCount64.restype = ctypes.c_ulonglong
    on_seconds = kernel.GetTickCount64() / 1000
    awake = ctypes.c_ulonglong()
    if not kernel.QueryUnbiasedInterruptTime(ctypes.byref(awake)):
        return Uptime(on_seconds, 0)
    return Uptime(on_seconds, max(on_seconds - awake.value / 10_000_000, 0))
