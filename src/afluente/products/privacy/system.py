"""What was told of one additive column as linear rows over the classes' unknown values.

Invariant: the true values satisfy every row, so that a system always has a solution; each row is taken at the truth of
the version that is audited, for what can be computed depends on the regions (what changed since is `correction`'s).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from afluente.products.privacy.atoms import Bools, Floats, Ints

_NO_COLUMNS = np.zeros(0, dtype=np.int64)
_NO_FACTORS = np.zeros(0)


@dataclass(frozen=True, slots=True)
class Packed:
    """Rows of a matrix one after another: row r is `columns[starts[r]:starts[r + 1]]` with `factors`.

    Each lies between its `lows` and its `highs`; `sources` says for each which thing told it comes from.
    """

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


@dataclass(frozen=True, slots=True)
class System(Packed):
    """`lows <= A x <= highs` and `x >= floors`. `truth` solves it."""

    truth: Floats
    floors: Floats


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


@dataclass(frozen=True, slots=True)
class Rows(Packed):
    """Rows before their bounds are set against the truth."""

    is_exact: Bools

    def exact(self) -> list[Ints]:
        """The unknowns of each exact row."""
        return [self.columns[self.starts[row] : self.starts[row + 1]] for row in np.flatnonzero(self.is_exact).tolist()]


def packed(rows: Sequence[Row]) -> Rows:
    """The rows one after another, without unknowns whose factor is 0 and rows of none: they say nothing."""
    rows = [row for row in map(_said, rows) if len(row.columns)]
    return Rows(
        starts=np.concatenate([[0], np.cumsum([len(row.columns) for row in rows])]).astype(np.int64),
        columns=np.concatenate([_NO_COLUMNS, *(row.columns for row in rows)]).astype(np.int64),
        factors=np.concatenate([_NO_FACTORS, *(row.factors for row in rows)]).astype(np.float64),
        lows=np.array([row.low for row in rows], dtype=np.float64),
        highs=np.array([row.high for row in rows], dtype=np.float64),
        sources=np.array([row.source for row in rows], dtype=np.int64),
        is_exact=np.array([row.is_exact for row in rows], dtype=np.bool_),
    )


def _said(row: Row) -> Row:
    is_said = row.factors != 0
    return row if is_said.all() else replace(row, columns=row.columns[is_said], factors=row.factors[is_said])


def joined(first: Rows, second: Rows) -> Rows:
    """The rows of both, in this order."""
    return Rows(
        starts=np.concatenate([first.starts, second.starts[1:] + first.starts[-1]]),
        columns=np.concatenate([first.columns, second.columns]),
        factors=np.concatenate([first.factors, second.factors]),
        lows=np.concatenate([first.lows, second.lows]),
        highs=np.concatenate([first.highs, second.highs]),
        sources=np.concatenate([first.sources, second.sources]),
        is_exact=np.concatenate([first.is_exact, second.is_exact]),
    )


def system(truth: Floats, rows: Rows, *, floors: Floats | None = None) -> System:
    """The rows as a System; bounds that the truth breaks are widened to it.

    Unknowns are taken as never negative (the partner may assume so), but for those that are in truth.
    """
    activity = np.bincount(rows.row_of_entry(), weights=rows.factors * truth[rows.columns], minlength=rows.rows)
    return System(
        truth=truth,
        floors=np.minimum(truth, 0.0) if floors is None else np.minimum(floors, truth),
        starts=rows.starts,
        columns=rows.columns,
        factors=rows.factors,
        lows=np.where(rows.is_exact, activity, np.minimum(rows.lows, activity)),
        highs=np.where(rows.is_exact, activity, np.maximum(rows.highs, activity)),
        sources=rows.sources,
    )
