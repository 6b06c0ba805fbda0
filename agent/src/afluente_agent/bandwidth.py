"""How fast bytes leave, and how many at once: a token bucket, and a chunk that fits the line.

Invariant: over any stretch of time no more leaves than the rate allows plus one burst; a chunk never leaves its bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

BURST_SECONDS = 2.0
FIRST_CHUNK_BYTES = 128 * 1024
LEAST_CHUNK_BYTES = 16 * 1024
AIM_SECONDS = 15.0
"""How long a chunk should take: long enough for a poor line, short enough to lose little when it breaks."""


@dataclass(slots=True)
class TokenBucket:
    """`bytes_per_second` 0 is no limit. `monotonic` and `sleep` are in seconds."""

    bytes_per_second: float
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    _tokens: float = field(default=0.0, init=False)
    _seen_at: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._tokens = self.burst_bytes
        self._seen_at = self.monotonic()

    @property
    def burst_bytes(self) -> float:
        return self.bytes_per_second * BURST_SECONDS

    def take(self, size_bytes: int) -> None:
        """Wait until this much may leave. More than a burst is paid for after it, by who comes next."""
        if self.bytes_per_second <= 0:
            return
        now = self.monotonic()
        self._tokens = min(self.burst_bytes, self._tokens + max(now - self._seen_at, 0) * self.bytes_per_second)
        self._seen_at = now
        wanted = min(size_bytes, self.burst_bytes)
        if self._tokens < wanted:
            pause_seconds = (wanted - self._tokens) / self.bytes_per_second
            self.sleep(pause_seconds)
            self._tokens = wanted
            self._seen_at = max(self.monotonic(), now + pause_seconds)
        self._tokens -= size_bytes


@dataclass(slots=True)
class ChunkSize:
    """Doubles while chunks are quick, follows the line when they are slow, halves when one is lost."""

    most_bytes: int
    bytes_now: int = FIRST_CHUNK_BYTES

    def __post_init__(self) -> None:
        self.bytes_now = self._bounded(self.bytes_now)

    def sent(self, size_bytes: int, seconds: float) -> None:
        """A chunk went through in this time."""
        if size_bytes < self.bytes_now and seconds < AIM_SECONDS:
            return
        fitting = size_bytes * AIM_SECONDS / max(seconds, 0.001)
        self.bytes_now = self._bounded(int(min(fitting, self.bytes_now * 2)))

    def lost(self) -> None:
        """A chunk had no answer, or was too large for something on the way."""
        self.bytes_now = self._bounded(self.bytes_now // 2)

    def _bounded(self, size_bytes: int) -> int:
        return min(max(size_bytes, LEAST_CHUNK_BYTES), max(self.most_bytes, LEAST_CHUNK_BYTES))
