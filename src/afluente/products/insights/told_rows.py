"""The tables of a release read by what their columns are: period, place, dimensions, measures, share.

Invariant: nothing but what the partner is told enters; a column is found by its role in the product, not by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from afluente.project.output_columns import LEVEL_COLUMN, PLACES_COLUMN, WHOLE, period_column, share_column

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from afluente.project.product import Measure, Output


@dataclass(frozen=True, slots=True)
class Roles:
    """The measures of an output by what they mean; empty names where it has none.

    `revenue` and `units` are the sums that the first ratio divides, so that `revenue / units` is the `price`.
    """

    revenue: str
    units: str
    price: str
    persons: str
    share: str


@dataclass(frozen=True, slots=True)
class ToldRow:
    """One row. `place` holds the values from the coarsest place to the finest that is told; empty is the whole.

    `share` is the band, from 0 to 1. `day` is None in an output by month.
    """

    month: str
    day: date | None
    place: tuple[str, ...]
    place_label: str
    is_finest: bool
    places: int
    dimensions: tuple[str, ...]
    label: str
    sums: Mapping[str, Decimal]
    share: tuple[Decimal, Decimal] | None


def roles_of(output: Output) -> Roles:
    """Which measure is the revenue, the units, the price, the persons."""
    named = {measure.name: measure for measure in output.measures}
    sums = [measure for measure in output.measures if measure.aggregation == "sum"]
    ratio = next((one for one in output.measures if _is_price(one, named)), None)
    persons = [one for one in output.measures if one.aggregation == "distinct"]
    return Roles(
        revenue=ratio.numerator if ratio else sums[0].name if sums else "",
        units=ratio.denominator if ratio else "",
        price=ratio.name if ratio else "",
        persons=next((one.name for one in persons if one.column == output.person), persons[0].name if persons else ""),
        share=share_column(output),
    )


def _is_price(measure: Measure, named: Mapping[str, Measure]) -> bool:
    parts = [named.get(name) for name in (measure.numerator, measure.denominator)]
    return measure.aggregation == "ratio" and all(part is not None and part.aggregation == "sum" for part in parts)


def read_rows(output: Output, tables: Iterable[pa.Table]) -> list[ToldRow]:
    """The rows of an output, tables in the order they were told: a later one takes the place of a period it tells."""
    period = period_column(output)
    by_period: dict[str, list[ToldRow]] = {}
    for table in tables:
        if not period or period not in table.column_names:
            continue
        found: dict[str, list[ToldRow]] = {}
        for row in table.to_pylist():
            found.setdefault(str(row[period]), []).append(_row(output, row, period))
        by_period.update(found)
    return [row for name in sorted(by_period) for row in by_period[name]]


def _row(output: Output, row: Mapping[str, object], period: str) -> ToldRow:
    text = str(row[period])
    level = str(row.get(LEVEL_COLUMN) or "")
    place = _place(output, row, level)
    is_finest = bool(output.places) and level in (output.places[0], "") and len(place) == len(output.places)
    dimensions = tuple(str(row.get(name)) for name in output.dimensions)
    sums = {
        measure.name: number
        for measure in output.measures
        if measure.aggregation != "ratio" and (number := decimal_of(row.get(measure.name))) is not None
    }
    return ToldRow(
        month=text[:7],
        day=date.fromisoformat(text[:10]) if output.grain == "day" else None,
        place=place,
        place_label=_label(output, row, place, is_finest=is_finest),
        is_finest=is_finest,
        places=int(str(row.get(PLACES_COLUMN) or 1)),
        dimensions=dimensions,
        label=_dimension_label(output, row, dimensions),
        sums=sums,
        share=band_of(row.get(share_column(output))) if output.segment else None,
    )


def _place(output: Output, row: Mapping[str, object], level: str) -> tuple[str, ...]:
    if level == WHOLE:
        return ()
    told = output.places[output.places.index(level) :] if level in output.places else output.places
    return tuple(str(row[name]) for name in reversed(told) if row.get(name) is not None)


def _label(output: Output, row: Mapping[str, object], place: tuple[str, ...], *, is_finest: bool) -> str:
    if not place:
        return ""
    if not is_finest:
        return place[-1]
    names = [name for name, of in output.labels.items() if of == output.places[0] and row.get(name)]
    shown = str(row[names[0]]) if names else place[-1]
    return f"{shown} ({place[0]})" if len(place) > 1 else shown


def _dimension_label(output: Output, row: Mapping[str, object], dimensions: tuple[str, ...]) -> str:
    names = {of: name for name, of in output.labels.items()}
    told = [
        str(row.get(names[column]) or value) if column in names else value
        for column, value in zip(output.dimensions, dimensions, strict=True)
        if output.segment is None or column != output.segment.column or len(output.dimensions) == 1
    ]
    return " · ".join(told)


def decimal_of(value: object) -> Decimal | None:
    """A number as it was told; None for what is no number."""
    if value is None or value == "":
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def band_of(value: object) -> tuple[Decimal, Decimal] | None:
    """The limits of a band such as `0.20-0.25`."""
    low, dash, high = str(value or "").partition("-")
    least, greatest = decimal_of(low), decimal_of(high)
    return (least, greatest) if dash and least is not None and greatest is not None else None
