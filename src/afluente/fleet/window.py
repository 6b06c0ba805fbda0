"""The admission window: how many may send at once, led by the measured latency of the central database (AIMD).

Invariant: the limit stays within its bounds and the baseline above nothing, whatever is measured; a latency over the
tolerated one never widens the window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

WORST_MS = 60_000.0
LEAST_MS = 0.05


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """`tolerance` times the baseline plus `slack_ms` (the noise of a quick query) is borne; beyond it the window closes."""

    least: float = 1.0
    most: float = 64.0
    first: float = 8.0
    tolerance: float = 1.25
    slack_ms: float = 1.0
    increase: float = 1.0
    decrease: float = 0.7
    smoothing: float = 0.4
    quantile: float = 0.3
    learning_rate: float = 0.05


@dataclass(frozen=True, slots=True)
class Window:
    """Slots at once, the smoothed latency, and the latency at rest. Zero latencies: nothing was measured yet."""

    limit: float
    latency_ms: float = 0.0
    baseline_ms: float = 0.0

    @property
    def slots(self) -> int:
        return int(self.limit)

    def is_strained(self, settings: WindowSettings) -> bool:
        return self.latency_ms > self.baseline_ms * settings.tolerance + settings.slack_ms


def observe(window: Window, latency_ms: float, *, is_idle: bool, settings: WindowSettings) -> Window:
    """The window after a measurement. Only at rest may the baseline grow: our own load must not become normal."""
    measured = _bounded(latency_ms)
    smoothed = measured
    if window.latency_ms > 0:
        smoothed = window.latency_ms + settings.smoothing * (measured - window.latency_ms)
    baseline = _baseline(window.baseline_ms, measured, is_idle=is_idle, settings=settings)
    seen = Window(window.limit, smoothed, baseline)
    limit = window.limit * settings.decrease if seen.is_strained(settings) else window.limit + settings.increase
    return Window(max(settings.least, min(settings.most, limit)), smoothed, baseline)


def _baseline(baseline: float, measured: float, *, is_idle: bool, settings: WindowSettings) -> float:
    """A quantile kept by small steps: it rises by its share when passed, and falls by the rest when undercut."""
    if baseline <= 0:
        return measured
    if measured < baseline:
        return max(LEAST_MS, baseline * (1 - settings.learning_rate * (1 - settings.quantile)))
    if measured > baseline and is_idle:
        return min(WORST_MS, baseline * (1 + settings.learning_rate * settings.quantile))
    return baseline


def _bounded(latency_ms: float) -> float:
    if math.isnan(latency_ms):
        return WORST_MS
    return min(WORST_MS, max(LEAST_MS, latency_ms))
