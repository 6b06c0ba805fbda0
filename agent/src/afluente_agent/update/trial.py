"""The trial of a version: pure reckoning over what the watcher saw of its processes.

Invariant: only time in which the machine was awake counts, so that a night in between blames no version; a trial always
ends, whatever the processes do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from afluente_agent.update.health import Health

Seen = Literal["wait", "healthy", "hang", "no_hub"]
LONGEST_GAP_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class TrialRule:
    """`reach_hub_seconds` from the first start to the first answer of the hub; then it has to live `settle_seconds`.

    A process that shows no life for `hang_seconds` hangs; the exit number `most_exits` is the last. A version past its
    trial has `stuck_seconds`: reading a large list takes long.
    """

    reach_hub_seconds: float = 1800.0
    settle_seconds: float = 120.0
    hang_seconds: float = 300.0
    stuck_seconds: float = 3 * 3600.0
    most_exits: int = 3
    most_starts: int = 10


class Trial:
    """One version's trial, over one or more of its processes."""

    def __init__(self, rule: TrialRule) -> None:
        self._rule = rule
        self._awake = 0.0
        self._exits = 0
        self._alive = -1
        self._alive_at = 0.0
        self._reached_at: float | None = None

    def started(self) -> None:
        """A process of the version began."""
        self._alive, self._alive_at, self._reached_at = -1, self._awake, None

    def passed(self, seconds: float) -> None:
        """Time went by; a long gap is a machine that slept."""
        self._awake += min(max(seconds, 0.0), LONGEST_GAP_SECONDS)

    def seen(self, health: Health | None) -> Seen:
        """What the newest look at the process means."""
        if health is not None and health.alive != self._alive:
            self._alive, self._alive_at = health.alive, self._awake
        if self._silent_seconds >= self._rule.hang_seconds:
            return "hang"
        if health is not None and health.reached > 0 and self._reached_at is None:
            self._reached_at = self._awake
        if self._reached_at is not None and self._awake - self._reached_at >= self._rule.settle_seconds:
            return "healthy"
        return "no_hub" if self.is_late() else "wait"

    def is_stuck(self) -> bool:
        """Whether a version past its trial shows no life for too long."""
        return self._silent_seconds >= self._rule.stuck_seconds

    def is_late(self) -> bool:
        """Whether the time to reach the hub and settle is over, processes that came and went included."""
        is_settling = self._reached_at is not None
        limit = self._rule.reach_hub_seconds + (self._rule.settle_seconds if is_settling else 0.0)
        return self._awake >= limit

    @property
    def _silent_seconds(self) -> float:
        return self._awake - self._alive_at

    def ended(self) -> bool:
        """A process of the version ended by itself; True when that was the last one."""
        self._exits += 1
        self._reached_at = None
        return self._exits >= self._rule.most_exits
