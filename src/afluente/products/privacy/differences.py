"""Groups of few persons whose total is one figure told minus others told within it.

Invariant: every group named can be computed exactly from what was told, though none of its classes need be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from afluente.products.privacy.atoms import Bools, Ints
from afluente.products.privacy.membership import Classes, Incidence

_MOST_CLASSES = 20_000
"""Rows of more classes are too large for what is left of them to be found by taking rows away."""
_MOST_SHARED = 2_000_000
"""How many pairs of a row's class and a row that has it, too, are held at once."""


def small_differences(classes: Classes, rows: Sequence[Ints], known: Bools, *, small: int) -> Iterator[Ints]:
    """Two or more classes with fewer than `small` persons together that are left of a row without what is known of it
    and without disjoint rows inside it, the largest first and the smallest first.
    """
    reduced = list({row.tobytes(): row for row in (row[~known[row]] for row in rows) if len(row)}.values())
    if not reduced:
        return
    sizes = np.array([len(row) for row in reduced])
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    told = Incidence(starts, np.concatenate(reduced))
    named: set[bytes] = set()
    for at, inside in _may_leave_few(told, classes, small):
        for descending in (True, False):
            left = _without(reduced[at], [reduced[child] for child in _ordered(inside, sizes, descending=descending)])
            if len(left) < 2 or left.tobytes() in named:
                continue
            if classes.are_fewer(left, small):
                named.add(left.tobytes())
                yield left


def _may_leave_few(told: Incidence, classes: Classes, small: int) -> Iterator[tuple[int, Ints]]:
    """Rows of several classes, with the rows inside them, whose classes in none of these have few persons together."""
    sizes = told.sizes()
    owners, order = told.owners(), np.argsort(told.cells, kind="stable")
    around = Incidence(np.searchsorted(told.cells[order], np.arange(classes.count + 1)), owners[order])
    is_small = classes.persons < small
    is_hidden = np.bincount(owners, weights=is_small[told.cells], minlength=len(told)) > 0
    wanted = np.flatnonzero(is_hidden & (sizes > 1) & (sizes <= _MOST_CLASSES))
    for chunk in _chunks(wanted, told, around):
        row = told.picked(chunk)
        near = around.picked(row.cells)
        pairs = np.repeat(row.owners(), near.sizes()) * len(told) + near.cells
        found, pair, shared = np.unique(pairs, return_inverse=True, return_counts=True)
        parent, child = found // len(told), found % len(told)
        is_inside = (shared == sizes[child]) & (child != chunk[parent])
        is_outside = np.bincount(near.owners(), weights=is_inside[pair], minlength=len(row.cells)) == 0
        persons = classes.persons_together(row.owners()[is_outside], row.cells[is_outside], len(chunk))
        ends = np.searchsorted(parent, np.arange(len(chunk) + 1))
        for number in np.flatnonzero(persons < small).tolist():
            within = slice(ends[number], ends[number + 1])
            yield int(chunk[number]), child[within][is_inside[within]]


def _chunks(rows: Ints, told: Incidence, around: Incidence) -> Iterator[Ints]:
    """The rows a few at a time, so that what they share with all others fits into memory."""
    shared = told.picked(rows).sums(around.sizes().astype(np.float64))
    numbers = (np.cumsum(shared) // _MOST_SHARED).astype(np.int64)
    yield from np.split(rows, np.flatnonzero(np.diff(numbers)) + 1)


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
