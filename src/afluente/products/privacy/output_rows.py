"""The rows that a roll-up leaves: their figures, what they tell, and the table that is written of them.

Invariant: a row's figures are those of its cells and of no other; rows are sorted, so that the same cells give the
same table.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from afluente.models.arrow_types import arrow_type
from afluente.models.spark_types import parse_type
from afluente.products.privacy.region import Quantity, Region, Told
from afluente.products.privacy.roll_up import HIDDEN, RollUp
from afluente.project.output_columns import LEVEL_COLUMN, PLACES_COLUMN, WHOLE, period_column, share_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from afluente.products.privacy.aggregate import OutputFacts
    from afluente.products.privacy.bands import Band
    from afluente.project.contract import Column, Contract
    from afluente.project.product import Aggregation, Measure, Output

    Integers = NDArray[np.int64]

NO_LIMIT = (date.min, date.max)
_QUANTITIES: Mapping[Aggregation, Quantity] = {"sum": "sum", "distinct": "distinct", "count": "count"}
_LOGICAL_TYPES = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True, slots=True)
class OutputRows:
    """Rows in their order. `first` is a cell of each, `level` its place's, `members` the cells of those of many.

    `figures` has `persons`, `facts` and the amounts of each row.
    """

    output: Output
    cells: pa.Table
    numbers: Integers
    first: Integers
    level: Integers
    members: Mapping[int, Integers]
    figures: pa.Table
    days: tuple[date, date] | None
    version: int

    def __len__(self) -> int:
        return len(self.numbers)

    def key_column(self, name: str) -> pa.ChunkedArray:
        """A key of each row's first cell."""
        return self.cells.column(name).take(pa.array(self.first))

    def regions(self) -> list[Region]:
        """The region of each row, of the facts that the output's `where` keeps."""
        output = self.output
        names = self.cells.column("place0").to_pylist() if output.places else []
        order = sorted(range(len(output.dimensions)), key=lambda number: output.dimensions[number])
        dimensions = [self.key_column(f"dimension{number}").to_pylist() for number in order]
        columns = [output.dimensions[number] for number in order]
        found = []
        for position, (number, period) in enumerate(
            zip(self.numbers.tolist(), self.key_column("period").to_pylist(), strict=True)
        ):
            members = self.members.get(number)
            places = [number] if members is None else members.tolist()
            first, last = span_of(output, period, self.days)
            found.append(
                Region(
                    str(output.facts),
                    output.where,
                    first,
                    last,
                    output.period_column,
                    output.places[0] if output.places else "",
                    tuple(sorted(names[place] for place in places)) if output.places else (),
                    tuple((column, values[position]) for column, values in zip(columns, dimensions, strict=True)),
                )
            )
        return found

    def told(self, regions: Sequence[Region], amounts: Mapping[str, str], different: Mapping[str, str]) -> list[Told]:
        """What the rows tell: each figure exactly."""
        stated: list[Told] = []
        done: set[tuple[Quantity, str]] = set()
        for measure in self.output.measures:
            kind = _QUANTITIES.get(measure.aggregation)
            if kind is None or (kind, measure.column) in done:
                continue
            done.add((kind, measure.column))
            values = self.figures.column(figure_of(measure, amounts, different)).to_pylist()
            for region, value in zip(regions, values, strict=True):
                exact = float(value)
                stated.append(
                    Told(region, kind, measure.column, exact, exact, self.output.name, "", version=self.version)
                )
        return stated


def rows_of(
    facts: OutputFacts,
    rolled: RollUp,
    cells: pa.Table,
    output: Output,
    *,
    days: tuple[date, date] | None,
) -> OutputRows:
    """The rows of a roll-up with their figures, sorted by period, dimensions, level and place."""
    single = np.flatnonzero(rolled.row_of == np.arange(len(cells)))
    many = {number: rolled.members[number] for number in sorted(rolled.members)}
    names = ["persons", "facts", *facts.amounts.values(), *facts.different.values()]
    own = cells.select(names).take(pa.array(single))
    together = facts.figures(many).select(names) if many else own.slice(0, 0)
    figures = pa.concat_tables([own, together.cast(own.schema)])
    numbers = np.concatenate([single, np.fromiter(many, dtype=np.int64, count=len(many))])
    first = np.concatenate([single, np.array([members[0] for members in many.values()], dtype=np.int64)])
    level = np.array([rolled.level_of(number) for number in numbers.tolist()], dtype=np.int64)
    keys = cells.select(["period", *facts.keys.dimensions, *facts.keys.places]).take(pa.array(first))
    keys = keys.append_column("level", pa.array(level))
    wanted = ["period", *facts.keys.dimensions, "level", *reversed(facts.keys.places)]
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in wanted])
    at = order.to_numpy()
    return OutputRows(output, cells, numbers[at], first[at], level[at], many, figures.take(order), days, facts.version)


def levels_of_cells(rolled: RollUp) -> Integers:
    """The level at which each cell is told, or HIDDEN."""
    levels = np.where(rolled.row_of == HIDDEN, HIDDEN, 0)
    for number, members in rolled.members.items():
        levels[members] = rolled.level_of(number)
    return levels


def level_name(output: Output, level: int) -> str:
    """A place column, or WHOLE for all places."""
    return output.places[level] if level < len(output.places) else WHOLE


def span_of(output: Output, period: date, days: tuple[date, date] | None) -> tuple[date, date]:
    """The first and the last day of a period, within the days that are released."""
    first, last = days or NO_LIMIT
    if not output.period_column:
        return first, last
    ends = period
    if output.grain == "month":
        ends = period.replace(day=calendar.monthrange(period.year, period.month)[1])
    return max(first, period), min(last, ends)


def figure_of(measure: Measure, amounts: Mapping[str, str], different: Mapping[str, str]) -> str:
    """The name of a measure's figure in the aggregated cells; empty for a ratio."""
    match measure.aggregation:
        case "sum":
            return amounts[measure.column]
        case "distinct":
            return different.get(measure.column, "persons")
        case "count":
            return "facts"
        case "ratio":
            return ""


def output_table(
    rows: OutputRows,
    contract: Contract,
    *,
    amounts: Mapping[str, str],
    different: Mapping[str, str],
    labels: Mapping[str, Mapping[str, str]],
    bands: Sequence[Band | None],
) -> pa.Table:
    """The table of the output, with the columns of the contract in its order and of its types."""
    output = rows.output
    made: dict[str, pa.Array | pa.ChunkedArray] = {}
    if output.period_column:
        period = rows.key_column("period")
        made[period_column(output)] = period if output.grain == "day" else pc.strftime(period, format="%Y-%m")
    for number, name in enumerate(output.places):
        made[name] = _without_empty(rows.key_column(f"place{number}"), rows.level <= number)
    if output.places:
        made[LEVEL_COLUMN] = pa.array([level_name(output, level) for level in rows.level.tolist()], pa.string())
        counts = [len(rows.members.get(number, (number,))) for number in rows.numbers.tolist()]
        made[PLACES_COLUMN] = pa.array(counts, pa.int64())
    for number, name in enumerate(output.dimensions):
        made[name] = _without_empty(rows.key_column(f"dimension{number}"), np.ones(len(rows), dtype=np.bool_))
    for label, named in output.labels.items():
        known = labels.get(label, {})
        made[label] = pa.array([known.get(value) for value in made[named].to_pylist()], pa.string())
    for measure in output.measures:
        if figure := figure_of(measure, amounts, different):
            made[measure.name] = rows.figures.column(figure)
    types = {column.name: column_type(column) for column in contract.columns}
    for measure in output.measures:
        if measure.aggregation == "ratio":
            above, below = made[measure.numerator].to_pylist(), made[measure.denominator].to_pylist()
            kind = types.get(measure.name, pa.float64())
            made[measure.name] = pa.array([_ratio(a, b, kind) for a, b in zip(above, below, strict=True)], kind)
    if output.segment is not None:
        made[share_column(output)] = pa.array([None if band is None else str(band) for band in bands], pa.string())
    told = [(column, made[column.name]) for column in contract.columns if column.name in made]
    return pa.table({column.name: _cast(values, _told_type(column, values)) for column, values in told})


def _told_type(column: Column, values: pa.Array | pa.ChunkedArray) -> pa.DataType:
    """The contract's type; an exact sum stays exact where the contract says that it is a number and no more."""
    is_any_number = column.logical_type == "number" and not column.physical_type
    return values.type if is_any_number and pa.types.is_decimal(values.type) else column_type(column)


def column_type(column: Column) -> pa.DataType:
    """The type a contract gives a column: its physical type, else the widest of its logical type."""
    if column.physical_type:
        return arrow_type(parse_type(column.physical_type))
    return _LOGICAL_TYPES[column.logical_type]


def _without_empty(values: pa.ChunkedArray, is_told: NDArray[np.bool_]) -> pa.ChunkedArray:
    kept = pc.and_(pa.array(is_told), pc.not_equal(values, ""))
    return pc.if_else(kept, values, pa.scalar(None, pa.string()))


def _ratio(above: Decimal | float | None, below: Decimal | float | None, kind: pa.DataType) -> Decimal | float | None:
    if above is None or not below:
        return None
    exact = Decimal(str(above)) / Decimal(str(below))
    return exact.quantize(Decimal(1).scaleb(-kind.scale)) if pa.types.is_decimal(kind) else float(exact)


def _cast(values: pa.Array | pa.ChunkedArray, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if pa.types.is_integer(kind) and pa.types.is_decimal(values.type):
        values = values.cast(pa.decimal128(38, 0))
    return values.cast(kind)
