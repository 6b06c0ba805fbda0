"""The p% rule: whether one who knows its own part of a total comes too close to the largest of the other parts.

Source: Handbook on Statistical Disclosure Control, p% rule. Here the adversary is the partner itself, which knows what
it sold exactly and learns the total from its share. Invariant: all functions are of numbers; nothing here reads data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contributions:
    """A total and who it comes from: `own` is the adversary's part, `largest` the greatest of the others.

    `others` counts the other contributors with a part above zero; `smallest` is the least part of anyone.
    """

    total: float
    own: float
    largest: float
    others: int
    smallest: float = 0.0


def is_safe(parts: Contributions, *, p_percent: float, minimum_others: int, total: float | None = None) -> bool:
    """Whether the total, or the `total` the adversary can compute, leaves the largest other part uncertain by p%.

    A part below zero makes the rule void, and the total unsafe.
    """
    known = parts.total if total is None else total
    if parts.smallest < 0 or parts.others < minimum_others:
        return False
    return known - parts.own - parts.largest >= p_percent / 100 * parts.largest


def is_pinned(parts: Contributions, low: float, high: float, *, p_percent: float) -> bool:
    """Whether bounds of the total are closer to each other than p% of the largest other part."""
    return not math.isinf(high) and high - low < p_percent / 100 * parts.largest
