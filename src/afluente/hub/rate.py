"""How often something may fail, counted by who does it.

Invariant: the memory is bounded whatever comes; the count is of this process only, so the bound over several hub
processes is theirs together.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

WINDOW_SECONDS = 60.0
MOST_KEYS = 10_000


class FailureRate:
    """Failures of the last minute, by key. `now` is a steady clock in seconds."""

    def __init__(self, most: int, *, now: Callable[[], float]) -> None:
        self._most = most
        self._now = now
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_seconds(self, key: str) -> int:
        """How long the key has to wait; 0 when it need not."""
        moments = self._failures.get(key)
        if moments is None:
            return 0
        start = self._now() - WINDOW_SECONDS
        while moments and moments[0] <= start:
            moments.popleft()
        if not moments:
            del self._failures[key]
            return 0
        if len(moments) < self._most:
            return 0
        return max(1, int(moments[0] - start) + 1)

    def failed(self, key: str) -> None:
        moments = self._failures.setdefault(key, deque(maxlen=self._most))
        self._failures.move_to_end(key)
        moments.append(self._now())
        while len(self._failures) > MOST_KEYS:
            self._failures.popitem(last=False)
