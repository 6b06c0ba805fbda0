"""Rows made coarser around the hidden cells that an audit found too narrowly bounded.

Invariant: a row is only ever merged with others or taken out, never split: what a coarser output tells follows from
what the finer one told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from afluente.products.privacy.output_rows import span_of
from afluente.products.privacy.roll_up import HIDDEN, RollUp, merge_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from afluente.products.privacy.region import Region
    from afluente.project.product import Output

MOST_PLACES_NAMED = 3


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A hidden cell that everything told bounds too closely."""

    region: Region

    def name(self) -> str:
        """The cell by its days, places and dimensions."""
        region = self.region
        days = region.first.isoformat()
        if region.last != region.first:
            days += f"..{region.last.isoformat()}"
        places = ", ".join(region.places[:MOST_PLACES_NAMED])
        if len(region.places) > MOST_PLACES_NAMED:
            places += f" (+{len(region.places) - MOST_PLACES_NAMED})"
        parts = [days] + ([f"{region.place_column}={places}"] if places else [])
        return " ".join([*parts, *(f"{column}={value}" for column, value in region.dimensions)])


def coarsen(
    rolled: RollUp,
    cells: pa.Table,
    output: Output,
    narrowed: Sequence[Narrowed],
    *,
    days: tuple[date, date] | None,
    most_rows: int,
) -> int:
    """Merge up, for each narrowed cell, the `most_rows` rows that say most about it; returns how many there were.

    Those are rows of its place and dimensions, in any period: the finest first, then those of its own days, then
    the smallest.
    """
    starts, ends = _spans(cells, output, days)
    chosen: dict[int, None] = {}
    for one in narrowed:
        beside = _beside(cells, output, one.region)
        within = beside & (starts <= _number(one.region.last)) & (ends >= _number(one.region.first))
        near = set(np.unique(rolled.row_of[within]).tolist())
        rows = set(np.unique(rolled.row_of[beside]).tolist()) - {HIDDEN}
        ranked = sorted(rows, key=lambda row: (rolled.level_of(row), row not in near, rolled.persons_of(row), row))
        chosen.update(dict.fromkeys(ranked[:most_rows]))
    merged = 0
    for row in chosen:
        if rolled.row_of[rolled.cells_of(row)[0]] == row:
            merge_up(rolled, row)
            merged += 1
    return merged


def _beside(cells: pa.Table, output: Output, region: Region) -> NDArray[np.bool_]:
    """The cells that may lie in the region but for their period."""
    found = np.ones(len(cells), dtype=np.bool_)
    if region.places and output.places and region.place_column == output.places[0]:
        found &= pc.is_in(cells.column("place0"), pa.array(region.places, pa.string())).to_numpy()
    for column, value in region.dimensions:
        if column in output.dimensions:
            name = f"dimension{output.dimensions.index(column)}"
            found &= pc.equal(cells.column(name), value).to_numpy()
    return found


def _spans(
    cells: pa.Table, output: Output, days: tuple[date, date] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first and the last day of each cell, as numbers."""
    periods = cells.column("period").combine_chunks().dictionary_encode()
    spans = [span_of(output, period, days) for period in periods.dictionary.to_pylist()]
    codes = periods.indices.to_numpy()
    if not spans:
        return codes, codes
    starts = np.array([_number(first) for first, _ in spans], dtype=np.int64)
    ends = np.array([_number(last) for _, last in spans], dtype=np.int64)
    return starts[codes], ends[codes]


def _number(day: date) -> int:
    return day.toordinal()
