"""Waiting for what must happen: as long as a slow machine needs, and not for ever.

Invariant: no wait outlasts PATIENCE_SECONDS, nor the process that would bring what is waited for; the test then fails
and says what did not come.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 90.0
LOOK_SECONDS = 0.01


def until(is_so: Callable[[], bool], what: str, *, by: subprocess.Popen[Any] | None = None) -> None:
    """Wait until something is so. AssertionError when the process that it comes by has ended without it, or too late."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        has_ended = by is not None and by.poll() is not None
        assert not has_ended or is_so(), f"{what}: its process ended first, with {by.returncode if by else None}"
        assert time.monotonic() < ends, f"{what}: not in {PATIENCE_SECONDS:.0f} seconds"
        time.sleep(LOOK_SECONDS)
