"""Date patterns in JDK notation (`dd/MM/yyyy HH:mm:ss`), checked as text.

Source: java.time.format.DateTimeFormatter, "Patterns for Formatting and Parsing".
"""

from __future__ import annotations

import re

_LITERAL = re.compile(r"'(?:[^']|'')*'")
_LETTERS = frozenset("yuMLdHhmsSaXxZzVEO")
_CONFUSED = {"Y": "yyyy is the year (Y counts weeks)", "D": "dd is the day of the month (D counts the year's days)"}


def date_pattern_mistake(pattern: str) -> tuple[str, str] | None:
    """What is wrong with a pattern, and a hint; None when it is right."""
    bare = _LITERAL.sub("", pattern)
    if "'" in bare:
        return f"date pattern {pattern!r} has a quote that is never closed", ""
    letters = [character for character in bare if character.isalpha()]
    if not letters:
        return f"date pattern {pattern!r} names no part of a date", "such as dd/MM/yyyy"
    for letter in letters:
        if letter in _LETTERS:
            continue
        if letter in _CONFUSED:
            return f"date pattern {pattern!r} has {letter!r}", _CONFUSED[letter]
        return f"date pattern {pattern!r} has {letter!r}, which means nothing", "put words between single quotes"
    return None
