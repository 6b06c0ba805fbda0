"""What was told of one additive column as linear rows over the classes' unknown values.

Invariant: the true values satisfy every row, so that a system always has a solution; each row is taken at the truth of
the version that is audited, for what can be computed depends on the regions (what changed since is `correction`'s).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from afluente.products.privacy.atoms import Floats, Ints


@dataclass(frozen=True, slots=True)
class System:
    """`lows <= A x <= highs` and `x >= floors`. Row r of A is `columns[starts[r]:starts[r + 1]]` with `factors`.

    `truth` solves it. `sources` says for each row which thing told it comes from.
    """

    truth: Floats
    floors: Floats
    starts: Ints
    columns: Ints
    factors: Floats
    lows: Floats
    highs: Floats
    sources: Ints

    @property
    def rows(self) -> int:
        return len(self.lows)

    def row_of_entry(self) -> Ints:
        return np.repeat(np.arange(self.rows), np.diff(self.starts))

    def unknowns_of(self, row: int) -> Ints:
        return self.columns[self.starts[row] : self.starts[row + 1]]


@dataclass(frozen=True, slots=True)
class Row:
    """One row before it is packed: the unknowns, their factors, the bounds, and where it comes from.

    With `is_exact` the bounds are the truth's own sum, whatever `low` and `high` say.
    """

    columns: Ints
    factors: Floats
    low: float
    high: float
    source: int
    is_exact: bool = False


def system(truth: Floats, rows: Sequence[Row], *, floors: Floats | None = None) -> System:
    """Rows packed into a System; bounds that the truth breaks are widened to it.

    Unknowns are taken as never negative (the partner may assume so), but for those that are in truth.
    """
    starts = np.concatenate([[0], np.cumsum([len(row.columns) for row in rows])]).astype(np.int64)
    columns = np.concatenate([row.columns for row in rows]) if rows else np.zeros(0, np.int64)
    factors = np.concatenate([row.factors for row in rows]) if rows else np.zeros(0)
    owner = np.repeat(np.arange(len(rows)), np.diff(starts))
    activity = np.bincount(owner, weights=factors * truth[columns], minlength=len(rows))
    is_exact = np.array([row.is_exact for row in rows], dtype=np.bool_)
    lows = np.minimum(np.array([row.low for row in rows], dtype=np.float64), activity)
    highs = np.maximum(np.array([row.high for row in rows], dtype=np.float64), activity)
    return System(
        truth=truth,
        floors=np.minimum(truth, 0.0) if floors is None else np.minimum(floors, truth),
        starts=starts,
        columns=columns.astype(np.int64),
        factors=factors.astype(np.float64),
        lows=np.where(is_exact, activity, lows),
        highs=np.where(is_exact, activity, highs),
        sources=np.array([row.source for row in rows], dtype=np.int64),
    )
