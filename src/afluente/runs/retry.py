"""How often and how soon a step that failed for a passing reason is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass

MOST_ATTEMPTS = 10
"""The workflow reserves this many attempts a step; more would change its shape."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Exponential backoff. `jitter` is the share of the wait that is left to chance."""

    max_attempts: int = 4
    first_seconds: float = 1.0
    factor: float = 2.0
    max_seconds: float = 60.0
    jitter: float = 0.5

    def __post_init__(self) -> None:
        if not 1 <= self.max_attempts <= MOST_ATTEMPTS:
            raise ValueError(f"max_attempts {self.max_attempts} is not from 1 to {MOST_ATTEMPTS}")

    def wait_seconds(self, failures: int, *, chance: random.Random) -> float:
        """How long to wait after this many failures (1 or more)."""
        full = min(self.first_seconds * self.factor ** (failures - 1), self.max_seconds)
        return full * (1 - self.jitter * chance.random())
