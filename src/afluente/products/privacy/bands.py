"""The partner's share of a segment, as a band wide enough to hide the competitors' parts.

Invariant: a band that is told contains the share, and neither it nor the exact share gives the largest competitor
away by the p% rule, even to a partner that knows its own part exactly.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from afluente.products.privacy.dominance import Contributions, is_pinned, is_safe


@dataclass(frozen=True, slots=True)
class Band:
    """A share from `low` to `high`, of 0 to 1, both included."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.2f}-{self.high:.2f}"


def band_of(
    parts: Contributions, limits: Sequence[float], *, p_percent: float, minimum_competitors: int
) -> Band | None:
    """The narrowest band, of those between `limits` or of neighbours merged, that may be told; None when none may."""
    if parts.total <= 0 or not is_safe(parts, p_percent=p_percent, minimum_others=minimum_competitors):
        return None
    share = parts.own / parts.total
    for band in _widening(share, [0.0, *limits, 1.0]):
        low, high = total_bounds(parts.own, band)
        is_told_total_safe = math.isinf(high) or is_safe(
            parts, p_percent=p_percent, minimum_others=minimum_competitors, total=high
        )
        if is_told_total_safe and not is_pinned(parts, low, high, p_percent=p_percent):
            return None if (band.low, band.high) == (0.0, 1.0) else band
    return None


def total_bounds(own: float, band: Band) -> tuple[float, float]:
    """What the partner can compute of the segment's total from a band and its own part."""
    return own / band.high, own / band.low if band.low > 0 else math.inf


def _widening(share: float, edges: Sequence[float]) -> Iterator[Band]:
    """The band of the share, then one with its nearer neighbour, and so on to all of 0 to 1."""
    upper = min(bisect_right(edges, share), len(edges) - 1)
    lower = upper - 1
    while True:
        yield Band(edges[lower], edges[upper])
        room_below, room_above = lower > 0, upper < len(edges) - 1
        if not room_below and not room_above:
            return
        is_below_nearer = share - edges[lower] < edges[upper] - share
        if room_below and (is_below_nearer or not room_above):
            lower -= 1
        else:
            upper += 1
