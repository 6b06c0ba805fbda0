"""Groups of few persons whose total is one figure told minus others told within it.

Invariant: every group named can be computed exactly from what was told, though none of its classes need be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from afluente.products.privacy.atoms import Bools, Ints
from afluente.products.privacy.membership import Classes

_MOST_CLASSES = 20_000
"""Rows of more classes are too large for what is left of them to be found by taking rows away."""


def small_differences(classes: Classes, rows: Sequence[Ints], known: Bools, *, small: int) -> Iterator[Ints]:
    """Two or more classes with fewer than `small` persons together that are left of a row without what is known of it
    and without disjoint rows inside it, the largest first and the smallest first.
    """
    reduced = list({row.tobytes(): row for row in (row[~known[row]] for row in rows) if len(row)}.values())
    if not reduced:
        return
    sizes = np.array([len(row) for row in reduced])
    is_small = classes.persons < small
    entries = np.concatenate(reduced)
    owner = np.repeat(np.arange(len(reduced)), sizes)
    order = np.argsort(entries, kind="stable")
    of_class = np.searchsorted(entries[order], np.arange(classes.count + 1))
    owner = owner[order]
    named: set[bytes] = set()
    for at, row in enumerate(reduced):
        if len(row) > _MOST_CLASSES or len(row) == 1 or not is_small[row].any():
            continue
        near = np.concatenate([owner[of_class[cell] : of_class[cell + 1]] for cell in row])
        found, shared = np.unique(near, return_counts=True)
        inside = found[(shared == sizes[found]) & (found != at)]
        for descending in (True, False):
            left = _without(row, [reduced[child] for child in _ordered(inside, sizes, descending=descending)])
            if len(left) < 2 or left.tobytes() in named:
                continue
            if classes.are_fewer(left, small):
                named.add(left.tobytes())
                yield left


def _ordered(inside: Ints, sizes: Ints, *, descending: bool) -> Ints:
    ordered = inside[np.argsort(sizes[inside], kind="stable")]
    return ordered[::-1] if descending else ordered


def _without(row: Ints, inside: Sequence[Ints]) -> Ints:
    """The row without as many of the rows inside it as are disjoint, taken in this order."""
    left = set(row.tolist())
    for child in inside:
        members = set(child.tolist())
        if members <= left and len(members) < len(left):
            left -= members
    return np.array(sorted(left), dtype=np.int64)
