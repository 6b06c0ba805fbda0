"""Dates and timestamps in the formats a contract declares, tried in their order.

Invariant: a text is read only when it has exactly a declared format's shape, so that `31/02` is invalid and
`03/04/2026` follows the declared order.
"""

from __future__ import annotations

import re
from itertools import product

from afluente.conform.reading import Cell, Reading, first_readable
from afluente.core.errors import ProjectError
from afluente.core.language import Message

_TOKEN = re.compile(r"'[TZ]'|yyyy|MM|M|dd|d|HH|mm|ss|S{3}(?:S{3})?|XXX|[-/. :]")


def fixed_patterns(pattern: str) -> list[str]:
    """The fixed-width patterns one JDK pattern stands for (`d/M/yyyy` stands for four). ValueError says what is unknown."""
    at = 0
    choices: list[tuple[str, ...]] = []
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            raise ValueError(f"'{pattern[at:]}' of the format '{pattern}' is not understood")
        choices.append((token[0] * 2, token[0]) if token[0] in ("d", "M") else (token[0],))
        at = token.end()
    return ["".join(parts) for parts in product(*choices)]


def shape_of(pattern: str) -> str:
    """The shape of a fixed-width pattern: `9` for each digit."""
    plain = pattern.replace("XXX", "\0").replace("'", "")
    return re.sub(r"[yMdHmsS]", "9", plain).replace("\0", "#")


def _patterns(cell: Cell, default: tuple[str, ...]) -> list[str]:
    try:
        return [fixed for pattern in cell.column.formats or default for fixed in fixed_patterns(pattern)]
    except ValueError as error:
        raise ProjectError(
            "contract.format_unknown",
            f"column '{cell.column.name}': {error}",
            hint="use yyyy, MM, M, dd, d, HH, mm, ss, SSS, SSSSSS, XXX, 'T', 'Z' and the separators - / . : and space",
            place=cell.column.place,
        ) from None


def _is_shaped(cell: Cell, text: str, pattern: str) -> str:
    shape = shape_of(pattern)
    if "#" not in shape:
        return cell.dialect.shape(text, shape)
    positive, negative = shape.replace("#", "+99:99"), shape.replace("#", "-99:99")
    return f"({cell.dialect.shape(text, positive)} OR {cell.dialect.shape(text, negative)})"


def date(cell: Cell) -> Reading:
    """A DATE; `yyyy-MM-dd` when the contract declares no format."""
    d, raw = cell.dialect, cell.raw
    fast, value = cell.mid("fast"), cell.mid("value")
    trimmed = f"trim({raw})"
    patterns = _patterns(cell, ("yyyy-MM-dd",))
    forms = [
        " ".join(f"WHEN {_is_shaped(cell, text, p)} THEN {d.try_date(text, p)}" for p in patterns)
        for text in (raw, trimmed)
    ]
    return Reading(
        value=value,
        kind="date",
        message=Message(
            "data impossível ou fora dos formatos declarados", "no such day, or not in a declared format"
        ),
        stages=({fast: f"CASE {forms[0]} END"}, {value: first_readable(raw, fast, f"CASE {forms[1]} END")}),
    )


def timestamp(cell: Cell) -> Reading:
    """An instant. Text without an offset is local to the column's time zone, else the project's."""
    d, raw = cell.dialect, cell.raw
    fast, value = cell.mid("fast"), cell.mid("value")
    zone = cell.column.timezone or cell.timezone
    default = ("yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd'T'HH:mm:ss", "yyyy-MM-dd'T'HH:mm:ssXXX", "yyyy-MM-dd'T'HH:mm:ss'Z'")
    patterns = _patterns(cell, default)
    forms = [
        " ".join(f"WHEN {_is_shaped(cell, text, p)} THEN {d.try_timestamp(text, p, zone)}" for p in patterns)
        for text in (raw, f"trim({raw})")
    ]
    return Reading(
        value=value,
        kind="timestamp",
        message=Message(
            "data e hora impossíveis ou fora dos formatos declarados", "no such date and time, or not in a declared format"
        ),
        stages=({fast: f"CASE {forms[0]} END"}, {value: first_readable(raw, fast, f"CASE {forms[1]} END")}),
    )
