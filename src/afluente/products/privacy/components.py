"""The parts of a system that share no unknown, each small enough for a linear program of its own.

Invariant: what is known stands in no component; two unknowns are in one component exactly when rows join them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from afluente.products.privacy.atoms import Bools, Ints
from afluente.products.privacy.system import Packed, System


@dataclass(frozen=True, slots=True)
class Component(Packed):
    """Rows over the unknowns `unknowns` of a system; `columns` count within them, `sources` are the system's rows."""

    unknowns: Ints


def components(system: System, known: Bools) -> Iterator[Component]:
    """The components of the unknowns that are not known, those that no row touches left out.

    Where every unknown of an exact row is left the row's bounds are summed anew from them, so that taking away what is
    known costs no digits.
    """
    kept = ~known[system.columns]
    if not kept.any():
        return
    row_of_entry = system.row_of_entry()
    owner, columns, factors = row_of_entry[kept], system.columns[kept], system.factors[kept]
    rest = np.bincount(owner, weights=factors * system.truth[columns], minlength=system.rows)
    whole = np.bincount(row_of_entry, weights=system.factors * system.truth[system.columns], minlength=system.rows)
    lows, highs = rest - (whole - system.lows), rest + (system.highs - whole)
    is_exact = system.lows == system.highs
    lows, highs = np.where(is_exact, rest, lows), np.where(is_exact, rest, highs)
    labels = _labels(owner, columns, system.rows, len(system.truth))
    touched = np.zeros(len(system.truth), dtype=np.bool_)
    touched[columns] = True
    unknowns = np.flatnonzero(touched)
    unknowns = unknowns[np.argsort(labels[unknowns], kind="stable")]
    found, first_unknowns = np.unique(labels[unknowns], return_index=True)
    number = np.zeros(len(system.truth), dtype=np.int64)
    number[found] = np.arange(len(found))
    within = np.zeros(len(system.truth), dtype=np.int64)
    within[unknowns] = np.arange(len(unknowns)) - first_unknowns[number[labels[unknowns]]]
    entry_numbers = number[labels[columns]]
    entries = np.argsort(entry_numbers, kind="stable")
    owner, columns, factors = owner[entries], within[columns[entries]], factors[entries]
    is_first = np.diff(owner, prepend=-1) != 0
    rows, row_starts = owner[is_first], np.append(np.flatnonzero(is_first), len(owner))
    row_ends = np.cumsum(np.bincount(entry_numbers[entries][is_first], minlength=len(found)))
    first_rows = (row_ends - np.diff(row_ends, prepend=0)).tolist()
    of_unknowns = [*first_unknowns.tolist(), len(unknowns)]
    for at, (first, last) in enumerate(zip(first_rows, row_ends.tolist(), strict=True)):
        low, high = int(row_starts[first]), int(row_starts[last])
        chosen = rows[first:last]
        yield Component(
            unknowns=unknowns[of_unknowns[at] : of_unknowns[at + 1]],
            starts=row_starts[first : last + 1] - low,
            columns=columns[low:high],
            factors=factors[low:high],
            lows=lows[chosen],
            highs=highs[chosen],
            sources=chosen,
        )


def _labels(owner: Ints, columns: Ints, rows: int, count: int) -> Ints:
    """For each unknown the smallest unknown that rows join it to."""
    labels = np.arange(count)
    while True:
        of_row = np.full(rows, count)
        np.minimum.at(of_row, owner, labels[columns])
        lower = labels.copy()
        np.minimum.at(lower, columns, of_row[owner])
        lower = lower[lower]
        if np.array_equal(lower, labels):
            return labels
        labels = lower
