"""When a delivery that failed is tried again, and after how many tries it becomes a dead letter.

Invariant: the next try is never sooner than the other side asked for.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST_ASKED_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential waits, a day of them. `jitter` is the share of a wait left to chance, so that senders do not meet."""

    max_attempts: int = 20
    first_seconds: float = 30.0
    factor: float = 2.0
    max_seconds: float = 7200.0
    jitter: float = 0.5

    def wait_seconds(self, attempts: int, *, chance: random.Random, asked_seconds: float | None = None) -> float:
        """How long to wait after this many attempts (1 or more); `asked_seconds` is a Retry-After, at most a day."""
        full = min(self.first_seconds * self.factor ** (min(attempts, 64) - 1), self.max_seconds)
        waited = full * (1 - self.jitter * chance.random())
        return max(waited, min(asked_seconds or 0.0, LONGEST_ASKED_SECONDS))

    def next_try(
        self, attempts: int, *, at: datetime, chance: random.Random, asked_seconds: float | None = None
    ) -> datetime | None:
        """When to try again; None when this was the last attempt."""
        if attempts >= self.max_attempts:
            return None
        return at + timedelta(seconds=self.wait_seconds(attempts, chance=chance, asked_seconds=asked_seconds))
