"""JDK date patterns (`yyyy-MM-dd`) as strftime and strptime formats, for the letters both mean alike.

Invariant: a pattern with a letter, a count or a literal that is not in the table gives None, never a near guess.
"""

from __future__ import annotations

import re
from itertools import pairwise

_FORMAT = {
    "yyyy": "%Y",
    "yy": "%y",
    "MM": "%m",
    "dd": "%d",
    "HH": "%H",
    "mm": "%M",
    "ss": "%S",
    "SSS": "%g",
    "SSSSSS": "%f",
    "d": "%-d",
    "M": "%-m",
    "H": "%-H",
    "DDD": "%j",
    "hh": "%I",
    "a": "%p",
    "MMM": "%b",
    "MMMM": "%B",
    "EEE": "%a",
    "EEEE": "%A",
    "E": "%a",
}
_OF_THE_CLOCK = {"HH", "mm", "ss", "SSS", "SSSSSS", "H", "hh", "a"}
_PARSE = {
    "yyyy": r"[0-9]{4}",
    "MM": r"[0-9]{2}",
    "dd": r"[0-9]{2}",
    "HH": r"[0-9]{2}",
    "mm": r"[0-9]{2}",
    "ss": r"[0-9]{2}",
    "d": r"[0-9]{1,2}",
    "M": r"[0-9]{1,2}",
}
_PARSE_FORMAT = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "d": "%d", "M": "%m"}
_PIECE = re.compile(r"([A-Za-z])\1*|'((?:[^']|'')*)'|[^A-Za-z']")
_REQUIRED_FOR_PARSE = {"yyyy"}


def to_strftime(pattern: str) -> str | None:
    """The strftime format that prints what the JDK pattern prints, or None."""
    pieces = _pieces(pattern)
    if pieces is None:
        return None
    out: list[str] = []
    for letters, literal in pieces:
        if letters:
            if letters not in _FORMAT:
                return None
            out.append(_FORMAT[letters])
        else:
            out.append(literal.replace("%", "%%"))
    return "".join(out)


def is_of_days(pattern: str) -> bool:
    """Whether what the JDK pattern prints is the same at every hour of a day."""
    return not any(letters in _OF_THE_CLOCK for letters, _ in _pieces(pattern) or ())


def to_strptime(pattern: str) -> tuple[str, str] | None:
    """(strptime format, regular expression of exactly the texts the JDK pattern reads), or None."""
    pieces = _pieces(pattern)
    if pieces is None:
        return None
    seen = [letters for letters, _ in pieces if letters]
    if len(set(seen)) != len(seen) or not set(seen) >= _REQUIRED_FOR_PARSE or any(p not in _PARSE for p in seen):
        return None
    if any(a and b for (a, _), (b, _) in pairwise(pieces) if a in ("d", "M") or b in ("d", "M")):
        return None
    reading = "".join(_PARSE_FORMAT[letters] if letters else literal.replace("%", "%%") for letters, literal in pieces)
    shape = "".join(_PARSE[letters] if letters else re.escape(literal) for letters, literal in pieces)
    return reading, f"^{shape}$"


def _pieces(pattern: str) -> list[tuple[str, str]] | None:
    pieces: list[tuple[str, str]] = []
    position = 0
    while position < len(pattern):
        found = _PIECE.match(pattern, position)
        if not found:
            return None
        if found.group(1):
            pieces.append((found.group(0), ""))
        elif found.group(2) is not None:
            pieces.append(("", found.group(2).replace("''", "'") or "'"))
        elif found.group(0) in "[]{}#":
            return None
        else:
            pieces.append(("", found.group(0)))
        position = found.end()
    return pieces or None
