"""Bounds that follow from one row at a time, repeated until nothing moves: what is exact is found before any LP.

Invariant: an interval is never narrower than what the rows imply, and the truth stays inside. In a row of its own
(no unknown of which stands in another) the interval is exactly what the row implies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from afluente.products.privacy.atoms import Bools, Floats
from afluente.products.privacy.system import System

_ROUNDS = 60
_RELATIVE = 1e-9
EXACT = 1e-6
"""Bounds closer than this part of the value (and of 1) pin the value."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """`low <= x <= high` of each unknown."""

    low: Floats
    high: Floats

    def is_known(self, truth: Floats) -> Bools:
        """Which unknowns are pinned."""
        with np.errstate(invalid="ignore"):
            return self.high - self.low <= EXACT * np.maximum(1.0, np.abs(truth))


def propagate(system: System) -> Intervals:
    """Narrow from `floors` and infinity by every row, round after round; once pinned, an unknown is its truth."""
    truth = system.truth
    low = system.floors.copy()
    high = np.full(len(truth), np.inf)
    columns, factors = system.columns, system.factors
    owner = system.row_of_entry()
    if not len(columns):
        return Intervals(low, high)
    for _ in range(_ROUNDS):
        known = Intervals(low, high).is_known(truth)
        low[known], high[known] = truth[known], truth[known]
        smallest = np.where(factors > 0, factors * low[columns], factors * high[columns])
        largest = np.where(factors > 0, factors * high[columns], factors * low[columns])
        least = _others(smallest, owner, system.rows, -np.inf)
        most = _others(largest, owner, system.rows, np.inf)
        with np.errstate(invalid="ignore"):
            upward = (system.highs[owner] - least) / factors
            downward = (system.lows[owner] - most) / factors
        entry_high = np.where(factors > 0, upward, downward)
        entry_low = np.where(factors > 0, downward, upward)
        new_high, new_low = high.copy(), low.copy()
        np.minimum.at(new_high, columns, entry_high)
        np.maximum.at(new_low, columns, entry_low)
        new_high, new_low = np.maximum(new_high, truth), np.minimum(new_low, truth)
        is_still = _is_near(new_high, high) and _is_near(new_low, low)
        low, high = new_low, new_high
        if is_still:
            break
    known = Intervals(low, high).is_known(truth)
    low[known], high[known] = truth[known], truth[known]
    return Intervals(low, high)


def _others(terms: Floats, owner: np.ndarray, rows: int, infinite: float) -> Floats:
    """For each entry the sum of its row's other terms, `infinite` when one of them is."""
    finite = np.isfinite(terms)
    filled = np.where(finite, terms, 0.0)
    totals = np.bincount(owner, weights=filled, minlength=rows)
    unbounded = np.bincount(owner, weights=~finite, minlength=rows)
    others_unbounded = unbounded[owner] - ~finite
    return np.where(others_unbounded > 0, infinite, totals[owner] - filled)


def _is_near(new: Floats, old: Floats) -> bool:
    both = np.isfinite(old)
    if not np.array_equal(both, np.isfinite(new)):
        return False
    return bool(np.all(np.abs(new[both] - old[both]) <= _RELATIVE * np.maximum(1.0, np.abs(old[both]))))
