"""The parts of a system that share no unknown, each small enough for a linear program of its own.

Invariant: what is known stands in no component; two unknowns are in one component exactly when rows join them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from afluente.products.privacy.atoms import Bools, Floats, Ints
from afluente.products.privacy.system import System


@dataclass(frozen=True, slots=True)
class Component:
    """Rows over the unknowns `unknowns` of a system; `columns` count within them, `sources` are the system's rows."""

    unknowns: Ints
    starts: Ints
    columns: Ints
    factors: Floats
    lows: Floats
    highs: Floats
    sources: Ints


def components(system: System, known: Bools) -> Iterator[Component]:
    """The components of the unknowns that are not known, those that no row touches left out.

    Where every unknown of an exact row is left the row's bounds are summed anew from them, so that taking away what is
    known costs no digits.
    """
    owner = system.row_of_entry()
    kept = ~known[system.columns]
    if not kept.any():
        return
    owner, columns, factors = owner[kept], system.columns[kept], system.factors[kept]
    rest = np.bincount(owner, weights=factors * system.truth[columns], minlength=system.rows)
    whole = np.bincount(
        system.row_of_entry(), weights=system.factors * system.truth[system.columns], minlength=system.rows
    )
    lows, highs = rest - (whole - system.lows), rest + (system.highs - whole)
    is_exact = system.lows == system.highs
    lows, highs = np.where(is_exact, rest, lows), np.where(is_exact, rest, highs)
    labels = _labels(owner, columns, system.rows, len(system.truth))
    by_label = np.argsort(labels[columns], kind="stable")
    ends = np.flatnonzero(np.diff(labels[columns][by_label])) + 1
    for entries in np.split(by_label, ends):
        unknowns, within = np.unique(columns[entries], return_inverse=True)
        rows, lengths = np.unique(owner[entries], return_counts=True)
        yield Component(
            unknowns=unknowns,
            starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            columns=within.astype(np.int64),
            factors=factors[entries],
            lows=lows[rows],
            highs=highs[rows],
            sources=rows,
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
