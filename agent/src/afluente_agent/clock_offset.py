"""The hub's time as the agent reckons it: the machine's clock and an offset learned from the hub.

Invariant: the machine's clock is never touched; a step of less than STEADY_SECONDS changes nothing, so that times do
not tremble with the line; a time that no hub can have is not learned.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime

STEADY_SECONDS = 30
EARLIEST = 1_577_836_800
LATEST = 4_102_444_800
"""2020 to 2100: a hub's time outside was not a hub's."""


class HubClock:
    """`time()` is the hub's time in whole seconds since 1970."""

    def __init__(self, now: Callable[[], float], *, offset_seconds: int = 0) -> None:
        self._now = now
        self.offset_seconds = offset_seconds
        self.is_confirmed = False

    def time(self) -> int:
        return int(self._now()) + self.offset_seconds

    def local(self) -> int:
        return int(self._now())

    def learn(self, hub_time: int) -> bool:
        """Take the time the hub just told; whether the offset changed."""
        if not EARLIEST <= hub_time <= LATEST:
            return False
        self.is_confirmed = True
        offset = hub_time - int(self._now())
        if abs(offset - self.offset_seconds) < STEADY_SECONDS:
            return False
        self.offset_seconds = offset
        return True


def seconds_of_date(text: str) -> int | None:
    """The seconds of an HTTP `Date`; None when it is none."""
    try:
        return int(parsedate_to_datetime(text).timestamp())
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
