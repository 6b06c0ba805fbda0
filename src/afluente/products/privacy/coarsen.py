"""Rows made coarser around the hidden cells that an audit found too narrowly bounded.

Invariant: a row is only ever merged with others or taken out, never split: what a coarser output tells follows from
what the finer one told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from afluente.products.privacy.output_rows import span_of
from afluente.products.privacy.roll_up import HIDDEN, RollUp, merge_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from afluente.products.privacy.exposed import Exposed
    from afluente.products.privacy.region import Region
    from afluente.project.product import Output

_BESIDE = 2


def coarsen(
    rolled: RollUp,
    cells: pa.Table,
    output: Output,
    narrowed: Sequence[Exposed],
    *,
    before: Sequence[Region],
    days: tuple[date, date] | None,
    most_rows: int,
) -> int:
    """Merge up, for each narrowed cell, the `most_rows` rows that say most about it; returns how many there were.

    Those are rows that hold the cell, or that lie inside a region told `before` that holds it and so can be taken
    from it; then rows that share cells with such a region; then others of its place and dimensions. Among them the
    finest come first, then those of its own days, then the smallest.
    """
    spans = _spans(cells, output, days)
    sizes = np.bincount(rolled.row_of + 1, minlength=rolled.next_row + 1)[1:]
    around = _by_place(output, before)
    chosen: dict[int, None] = {}
    for one in narrowed:
        beside = _within(cells, output, one.region)
        holding = set(np.unique(rolled.row_of[beside & _meets(spans, one.region)]).tolist())
        steps = dict.fromkeys(holding, 0)
        for region in _regions_around(around, cells, output, one.region, beside):
            shared = _within(cells, output, region) & _meets(spans, region)
            rows, counts = np.unique(rolled.row_of[shared], return_counts=True)
            for row, count in zip(rows.tolist(), counts.tolist(), strict=True):
                steps[row] = min(steps.get(row, _BESIDE), 0 if sizes[row] == count else 1)
        for row in np.unique(rolled.row_of[beside]).tolist():
            steps.setdefault(row, _BESIDE)
        steps.pop(HIDDEN, None)
        ranks = {
            row: (step, rolled.level_of(row), row not in holding, rolled.persons_of(row), row)
            for row, step in steps.items()
        }
        chosen.update(dict.fromkeys(sorted(ranks, key=ranks.__getitem__)[:most_rows]))
    merged = 0
    for row in chosen:
        if rolled.is_row(row):
            merge_up(rolled, row)
            merged += 1
    return merged


def _by_place(output: Output, regions: Sequence[Region]) -> dict[tuple[str, str], list[Region]]:
    """The regions that name each place of the output; those that name none of its places under the empty text."""
    found: dict[tuple[str, str], list[Region]] = {}
    for region in regions:
        is_known = region.place_column in output.places
        for place in region.places if is_known else ("",):
            found.setdefault((region.place_column if is_known else "", place), []).append(region)
    return found


def _regions_around(
    around: dict[tuple[str, str], list[Region]],
    cells: pa.Table,
    output: Output,
    cell: Region,
    beside: NDArray[np.bool_],
) -> list[Region]:
    """The regions that share days, a place and the dimensions with the cell, each once."""
    known = dict(cell.dimensions)
    found: dict[Region, None] = {}
    places = [("", "")]
    for number, column in enumerate(output.places):
        values = pc.unique(cells.column(f"place{number}").filter(pa.array(beside)))
        places += [(column, value) for value in values.to_pylist()]
    for place in places:
        for region in around.get(place, ()):
            is_near = region.first <= cell.last and region.last >= cell.first
            if is_near and all(known.get(column, value) == value for column, value in region.dimensions):
                found[region] = None
    return list(found)


def _within(cells: pa.Table, output: Output, region: Region) -> NDArray[np.bool_]:
    """The cells of the region's places and dimensions, whatever their period."""
    keys = {column: f"dimension{number}" for number, column in enumerate(output.dimensions)}
    keys |= {column: f"place{number}" for number, column in enumerate(output.places)}
    found = np.ones(len(cells), dtype=np.bool_)
    wanted = [(column, (value,)) for column, value in region.dimensions]
    for column, values in [(region.place_column, region.places), *wanted]:
        if values and column in keys:
            found &= pc.is_in(cells.column(keys[column]), pa.array(values, pa.string())).to_numpy()
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


def _meets(spans: tuple[NDArray[np.int64], NDArray[np.int64]], region: Region) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (spans[0] <= _number(region.last)) & (spans[1] >= _number(region.first))
    return found


def _number(day: date) -> int:
    return day.toordinal()
