"""Dates and timestamps in the formats a contract declares, tried in their order.

Invariant: a text is read only when it has exactly a declared format's shape, so that `31/02` is invalid and
`03/04/2026` follows the declared order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from typing import Literal

from afluente.conform.reading import Cell, Reading, first_readable, where_unread
from afluente.core.errors import ProjectError
from afluente.core.language import Message

_CALENDAR = {
    "date": ("0001-01-01", "9999-12-31"),
    "timestamp": ("0001-01-01 00:00:00+00:00", "9999-12-31 23:59:59.999999+00:00"),
}
_TIMESTAMPS = (
    "yyyy-MM-dd HH:mm:ss",
    "yyyy-MM-dd'T'HH:mm:ss",
    "yyyy-MM-dd'T'HH:mm:ssXXX",
    "yyyy-MM-dd'T'HH:mm:ss'Z'",
)
_FORMS = {"d": ("dd", "d"), "M": ("MM", "M"), "XXX": ("XXX", "'Z'"), "X": ("'Z'", "XXX")}
"""What a variable token may stand for: JDK's offsets take `Z` for UTC."""

_TOKEN = re.compile(r"'[TZ]'|yyyy|MM|M|dd|d|HH|mm|ss|S{3}(?:S{3})?|XXX|X|[-/. :]")


def fixed_patterns(pattern: str) -> list[str]:
    """The fixed-width patterns one JDK pattern stands for (`d/M/yyyy` stands for four). ValueError says what is unknown."""
    at = 0
    choices: list[tuple[str, ...]] = []
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            raise ValueError(f"'{pattern[at:]}' of the format '{pattern}' is not understood")
        choices.append(_FORMS.get(token[0], (token[0],)))
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
            hint="use yyyy, MM, M, dd, d, HH, mm, ss, SSS, SSSSSS, X, XXX, 'T', 'Z' and the separators - / . : and space",
            place=cell.column.place,
        ) from None


def _is_shaped(cell: Cell, text: str, pattern: str) -> str:
    d = cell.dialect
    shape = shape_of(pattern)
    if "#" not in shape:
        return d.shape(text, shape)
    positive, negative = shape.replace("#", "+99:99"), shape.replace("#", "-99:99")
    at = shape.index("#") + 1
    offset = f"substr({text}, {at + 1}, 2) <= '14' AND substr({text}, {at + 4}, 1) <= '5'"
    return f"({d.shape(text, positive)} OR {d.shape(text, negative)}) AND {offset}"


def _within_calendar(cell: Cell, value: str, kind: Literal["date", "timestamp"]) -> str:
    """The value where its year is 1 to 9999: the only ones that every engine, Delta and Python can hold."""
    name = cell.dialect.sql_type(kind)
    first, last = _CALENDAR[kind]
    return f"CASE WHEN {value} BETWEEN CAST('{first}' AS {name}) AND CAST('{last}' AS {name}) THEN {value} END"


def date(cell: Cell) -> Reading:
    """A DATE; `yyyy-MM-dd` when the contract declares no format."""
    d, raw = cell.dialect, cell.raw
    fast, trimmed, value = cell.mid("fast"), cell.mid("trimmed"), cell.mid("value")
    patterns = _patterns(cell, ("yyyy-MM-dd",))
    forms = [
        " ".join(f"WHEN {_is_shaped(cell, text, p)} THEN {d.try_date(text, p)}" for p in patterns)
        for text in (raw, trimmed)
    ]
    return Reading(
        value=_within_calendar(cell, value, "date"),
        kind="date",
        message=Message("data impossível ou fora dos formatos declarados", "no such day, or not in a declared format"),
        stages=(
            {fast: f"CASE {forms[0]} END"},
            {trimmed: where_unread(raw, fast, d.trim(raw))},
            {value: first_readable(trimmed, fast, f"CASE {forms[1]} END")},
        ),
    )


def timestamp(cell: Cell) -> Reading:
    """An instant. Text without an offset is local to the column's time zone, else the project's."""
    d, raw = cell.dialect, cell.raw
    names = ("local", "instant", "trimmed", "trimmed_local", "trimmed_instant", "value")
    local, instant, trimmed, trimmed_local, trimmed_instant, value = (cell.mid(name) for name in names)
    zone = cell.column.timezone or cell.timezone
    patterns = _patterns(cell, _TIMESTAMPS)
    with_offset = [p for p in patterns if "XXX" in p or p.endswith("'Z'")]
    without = [p for p in patterns if p not in with_offset]

    def read(text: str, local: str, instant: str) -> dict[str, str]:
        locals_ = [(_is_shaped(cell, text, p), d.try_local(text, p)) for p in without]
        instants = [(_is_shaped(cell, text, p), d.try_instant(text, p)) for p in with_offset]
        forms = {local: locals_, instant: instants}
        return {name: _first(pairs) for name, pairs in forms.items() if pairs}

    fast, slow = read(raw, local, instant), read(trimmed, trimmed_local, trimmed_instant)
    unread = " AND ".join(f"{name} IS NULL" for name in fast)
    found = [d.instant(name, zone) for name in (local, trimmed_local) if without]
    found += [name for name in (instant, trimmed_instant) if with_offset]
    return Reading(
        value=_within_calendar(cell, value, "timestamp"),
        kind="timestamp",
        message=Message(
            "data e hora impossíveis ou fora dos formatos declarados",
            "no such date and time, or not in a declared format",
        ),
        stages=(
            fast,
            {trimmed: f"CASE WHEN {unread} AND {raw} IS NOT NULL THEN {d.trim(raw)} END"},
            slow,
            {value: f"coalesce({', '.join(found)})"},
        ),
    )


def _first(pairs: Sequence[tuple[str, str]]) -> str:
    return f"CASE {' '.join(f'WHEN {is_shaped} THEN {read}' for is_shaped, read in pairs)} END"
