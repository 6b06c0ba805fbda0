"""Cron expressions checked as text: minute, hour, day of month, month, day of week.

Invariant: what is accepted here is accepted by the scheduler too (names, steps, ranges, lists; no seconds).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_ITEM = re.compile(r"(\*|\w+(?:-\w+)?)(?:/(\d{1,4}))?")


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    low: int
    high: int
    words: dict[str, int] = field(default_factory=dict)


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PARTS = (
    _Part("minute", 0, 59),
    _Part("hour", 0, 23),
    _Part("day of month", 1, 31),
    _Part("month", 1, 12, {word: number for number, word in enumerate(_MONTHS, 1)}),
    _Part("day of week", 0, 7, {word: number for number, word in enumerate(_DAYS)}),
)
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def cron_mistake(text: str) -> str | None:
    """What is wrong with a cron expression; None when it is right."""
    fields = text.split()
    if len(fields) != len(_PARTS):
        return f"cron {text!r} has {len(fields)} fields, not {len(_PARTS)}"
    for part, written in zip(_PARTS, fields, strict=True):
        for item in written.split(","):
            mistake = _item_mistake(part, item)
            if mistake:
                return f"cron {text!r}: {mistake}"
    return _never_mistake(text, fields)


def _item_mistake(part: _Part, item: str) -> str | None:
    found = _ITEM.fullmatch(item.lower())
    if not found:
        return f"{part.name} {item!r} cannot be read"
    if found[2] is not None and not 1 <= int(found[2]) <= part.high - part.low + 1:
        return f"{part.name} {item!r} steps by more than there is"
    if found[1] == "*":
        return None
    numbers: list[int] = []
    for end in found[1].split("-"):
        number = part.words.get(end, int(end) if end.isascii() and end.isdigit() else -1)
        if not part.low <= number <= part.high:
            return f"{part.name} {item!r} is not from {part.low} to {part.high}"
        numbers.append(number)
    if numbers[0] > numbers[-1]:
        return f"{part.name} {item!r} runs backwards"
    return None


def _never_mistake(text: str, fields: list[str]) -> str | None:
    """A day that its months never have (`0 0 31 2 *`) would never fire."""
    day, month, weekday = fields[2:]
    if weekday != "*" or not day.isdigit():
        return None
    months = [_PARTS[3].words.get(word.lower(), int(word) if word.isdigit() else 0) for word in month.split(",")]
    if all(months) and all(int(day) > _DAYS_IN_MONTH[number - 1] for number in months):
        return f"cron {text!r} names a day that never comes"
    return None
