"""The columns that a product's output gives, by name and Spark SQL type.

Invariant: this is the one place that names them: the check of contracts, the privacy gates and the files agree
because they all ask here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from afluente.project.product import Generalise, Output

DAY_COLUMN = "dia"
"""The period of an output by day: a date."""
MONTH_COLUMN = "mes"
"""The period of an output by month: text `yyyy-MM`."""
LEVEL_COLUMN = "nivel_lugar"
"""Which place a row tells: the name of a place column, or WHOLE. Coarser rows have no value in finer places."""
PLACES_COLUMN = "lugares"
"""How many of the finest places the row's figures come from."""
SHARE_PREFIX = "participacao_"
"""Before the name of the measure whose share of its segment is told, as the text of a band: `0.20-0.25`."""
WHOLE = "total"
"""The value of LEVEL_COLUMN in a row of all places."""

_DECIMAL = re.compile(r"(?:decimal|dec|numeric)(?:\s*\(\s*(\d{1,3})\s*(?:,\s*(\d{1,3})\s*)?\))?")
_WHOLE_NUMBERS = ("tinyint", "byte", "smallint", "short", "int", "integer", "bigint", "long")


def output_columns(output: Output, facts: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Name and type of each column, in the order they are made; a type is empty where the facts' is unknown.

    `facts` gives the types of the facts' columns. Cells: period, places (nullable), level and number of places,
    dimensions, labels, measures, share. Rows: the columns of the output, as they leave.
    """
    return tuple(_cells(output, facts) if output.is_of_cells else _rows(output, facts))


def share_column(output: Output) -> str:
    """The name of the column with the band of the partner's share; empty without a segment."""
    if output.segment is None:
        return ""
    named = (one.name for one in output.measures if one.aggregation == "sum" and one.column == output.segment.measure)
    return SHARE_PREFIX + next(named, output.segment.measure)


def period_column(output: Output) -> str:
    """The name of the period's column in an output of cells; empty when it has no period."""
    if not output.period_column:
        return ""
    return DAY_COLUMN if output.grain == "day" else MONTH_COLUMN


def _cells(output: Output, facts: Mapping[str, str]) -> list[tuple[str, str]]:
    columns: list[tuple[str, str]] = []
    if output.period_column:
        columns.append((period_column(output), "date" if output.grain == "day" else "string"))
    columns += [(name, facts.get(name, "")) for name in output.places]
    if output.places:
        columns += [(LEVEL_COLUMN, "string"), (PLACES_COLUMN, "bigint")]
    columns += [(name, facts.get(name, "")) for name in output.dimensions]
    columns += [(name, facts.get(name, "")) for name in output.labels]
    for measure in output.measures:
        match measure.aggregation:
            case "sum":
                columns.append((measure.name, _sum_type(facts.get(measure.column, ""))))
            case "ratio":
                columns.append((measure.name, "double"))
            case "distinct" | "count":
                columns.append((measure.name, "bigint"))
    if output.segment is not None:
        columns.append((share_column(output), "string"))
    return columns


def _rows(output: Output, facts: Mapping[str, str]) -> list[tuple[str, str]]:
    pseudonyms = {one.column for one in output.pseudonyms}
    generalised = {one.column: one for one in output.generalise}
    columns = []
    for name in output.columns or tuple(facts):
        kind = facts.get(name, "")
        if name in pseudonyms:
            kind = "string"
        elif name in generalised:
            kind = generalised_type(generalised[name], kind)
        columns.append((name, kind))
    return columns


def generalised_type(one: Generalise, facts_type: str) -> str:
    """The type a column has after it was made coarser: text, but numbers stay numbers."""
    if one.step:
        is_whole = facts_type.strip().lower() in _WHOLE_NUMBERS and one.step == int(one.step)
        return "bigint" if is_whole else "double"
    return "string"


def _sum_type(facts_type: str) -> str:
    """The type of a sum, as Spark SQL has it."""
    folded = facts_type.strip().lower()
    if found := _DECIMAL.fullmatch(folded):
        return f"decimal({min(38, int(found[1] or 10) + 10)},{int(found[2] or 0)})"
    if folded in _WHOLE_NUMBERS:
        return "bigint"
    return "double" if folded else ""
