"""What the columns of an output's contract declare about their values, as rules to be asked of the table.

Invariant: a list of values, a pattern and limits hold for the text or number that leaves, as it is: nothing is
trimmed, mapped or repaired first. A missing value breaks none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from afluente.project.contract import Bounds, Column, Contract, Operator, QualityRule, Threshold

Declared = Literal["contract.values", "contract.pattern", "contract.bounds"]
_NONE: tuple[tuple[Operator, Threshold], ...] = (("mustBe", 0),)
_LIMITS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "exclusive_minimum",
    "exclusiveMaximum": "exclusive_maximum",
    "minLength": "min_length",
    "maxLength": "max_length",
}


def declared_rules(contract: Contract) -> Mapping[str, tuple[Declared, QualityRule]]:
    """The rules by name, each with the code of a release that breaks it."""
    return {rule.name: (code, rule) for column in contract.columns for code, rule in _of_column(column)}


def _of_column(column: Column) -> Iterator[tuple[Declared, QualityRule]]:
    if column.logical_type != "string":
        if column.bounds != Bounds():
            yield "contract.bounds", _rule("bounds", column, {})
        return
    if column.values:
        yield "contract.values", _rule("values", column, {"validValues": list(column.values)})
    if column.pattern:
        yield "contract.pattern", _rule("pattern", column, {"pattern": column.pattern})
    limits = {name: getattr(column.bounds, field) for name, field in _LIMITS.items()}
    if given := {name: limit for name, limit in limits.items() if limit is not None}:
        yield "contract.bounds", _rule("bounds", column, given)


def _rule(what: str, column: Column, arguments: Mapping[str, object]) -> QualityRule:
    return QualityRule(
        f"{what} {column.name}",
        "library",
        column.place,
        column.name,
        "invalidValues",
        checks=_NONE,
        arguments=arguments,
    )
