"""The measures of an output of cells.

Invariant: each is of one aggregation, and a ratio is of two measures that are released beside it.
"""

from __future__ import annotations

from typing import get_args

from afluente.core.nearest import did_you_mean
from afluente.project.fields import Fields
from afluente.project.mistakes import Mistakes
from afluente.project.names import is_new, read_name
from afluente.project.product import Aggregation, Measure
from afluente.project.yaml_node import Node

AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)
_HINT = "sum: COLUMN, distinct: COLUMN, count: true, or ratio: [MEASURE, MEASURE]"
_PAIR = 2


def read_measures(output: Fields) -> tuple[Measure, ...]:
    """Read `measures` of an output."""
    node = output.get("measures")
    if node is None:
        return ()
    if not isinstance(node.value, tuple) or not node.items:
        output.wrong("measures", node, "a list of measures", hint="measures: [{name: receita, sum: valor}]")
        return ()
    names: set[str] = set()
    where = f"measures of {output.what}"
    read = [_measure(item, output.mistakes, output.what) for item in node.items]
    measures = [one for one in read if one is not None and is_new(one.name, names, one.place, output.mistakes, where)]
    additive = [one.name for one in measures if one.aggregation != "ratio"]
    for measure in measures:
        for name in (measure.numerator, measure.denominator):
            if name and name not in additive:
                message = f"measure {measure.name!r} of {output.what} divides {name!r}, which is no other measure of it"
                output.mistakes.add("product.ratio", message, measure.place, hint=did_you_mean(name, additive))
    return tuple(measures)


def _measure(node: Node, mistakes: Mistakes, what: str) -> Measure | None:
    fields = Fields(node, mistakes, f"a measure of {what}")
    name = read_name(fields)
    if not isinstance(node.value, dict):
        return None
    fields.what = f"measure {name!r} of {what}" if name else fields.what
    fields.only(("name", *AGGREGATIONS))
    chosen = [one for one in AGGREGATIONS if one in fields]
    if len(chosen) != 1:
        there = " and ".join(chosen) or "nothing"
        mistakes.add("product.measure", f"{fields.what} is {there}, and not one aggregation", node, hint=_HINT)
        return None
    place = mistakes.place(node)
    match chosen[0]:
        case "ratio":
            pair = fields.texts("ratio")
            if len(pair) != _PAIR:
                message = f"{fields.what} is a ratio of {len(pair)} measures, not of two"
                mistakes.add("product.ratio", message, fields.get("ratio"), hint="ratio: [receita, unidades]")
                return None
            return Measure(name, "ratio", place, numerator=pair[0], denominator=pair[1])
        case "count":
            counted = fields.get("count")
            if counted is None or counted.value not in (True, "*"):
                fields.wrong("count", counted or node, "true", hint="it counts rows; distinct: COLUMN counts values")
            return Measure(name, "count", place)
        case other:
            fields.require(other, hint=_HINT)
            return Measure(name, other, place, column=fields.text(other))
