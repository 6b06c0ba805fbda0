"""The checks every type shares: list of values, pattern, lengths, minimum, maximum, multiples."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from afluente.conform.reading import Cell, Check, Reading
from afluente.conform.registry import type_of
from afluente.core.language import Message
from afluente.project.contract import Scalar

_COMPARISONS = (
    ("minimum", "minimum", "<", Message("menor que {limit}", "less than {limit}")),
    ("maximum", "maximum", ">", Message("maior que {limit}", "greater than {limit}")),
    ("exclusiveMinimum", "exclusive_minimum", "<=", Message("não é maior que {limit}", "not greater than {limit}")),
    ("exclusiveMaximum", "exclusive_maximum", ">=", Message("não é menor que {limit}", "not less than {limit}")),
)


def bound_checks(cell: Cell, reading: Reading) -> Iterator[Check]:
    """The further demands a column declares on its conformed value."""
    d, column = cell.dialect, cell.column
    value = cell.other(column.name)
    bounds = column.bounds
    for rule, attribute, operator, message in _COMPARISONS:
        limit: Scalar | None = getattr(bounds, attribute)
        if limit is not None:
            said = Message(message.pt.format(limit=limit), message.en.format(limit=limit))
            yield Check(rule, f"{value} {operator} {_limit(cell, reading, limit)}", said)
    if bounds.multiple_of is not None:
        said = Message(f"não é múltiplo de {bounds.multiple_of:g}", f"not a multiple of {bounds.multiple_of:g}")
        yield Check("multipleOf", _is_no_multiple(value, reading, bounds.multiple_of), said)
    if bounds.min_length is not None:
        said = Message(f"tem menos de {bounds.min_length} caracteres", f"shorter than {bounds.min_length} characters")
        yield Check("minLength", f"length({value}) < {bounds.min_length}", said)
    if bounds.max_length is not None:
        said = Message(f"tem mais de {bounds.max_length} caracteres", f"longer than {bounds.max_length} characters")
        yield Check("maxLength", f"length({value}) > {bounds.max_length}", said)
    kind = type_of(column)
    if column.values and kind != "enum" and reading.kind == "text":
        listed = ", ".join(d.literal(v) for v in column.values)
        yield Check(
            "values", f"{value} NOT IN ({listed})", Message("valor fora da lista", "not one of the listed values")
        )
    if column.pattern and kind != "regex" and reading.kind == "text":
        said = Message(f"não segue o padrão {column.pattern}", f"does not follow the pattern {column.pattern}")
        yield Check("pattern", f"{value} IS NOT NULL AND NOT {d.matches(value, column.pattern)}", said)


def _is_no_multiple(value: str, reading: Reading, factor: float) -> str:
    """Floating-point values are let off what the nearest binary fraction differs by."""
    exact = format(Decimal(str(factor)), "f")
    if reading.kind != "double":
        return f"{value} % {exact} <> 0"
    return f"abs({value} / {exact} - round({value} / {exact})) > 1e-9 * greatest(1, abs({value} / {exact}))"


def _limit(cell: Cell, reading: Reading, limit: Scalar) -> str:
    if isinstance(limit, str):
        text = cell.dialect.literal(limit)
        return text if reading.kind == "text" else f"CAST({text} AS {cell.dialect.sql_type(reading.kind)})"
    return str(limit)
