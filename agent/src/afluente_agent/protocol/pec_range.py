"""The versions of PEC that a list was written for, as a catalogue says them: `>=5.2,<5.4`, `>=5.2`, `<5.4`, or nothing.

Invariant: one form and one meaning, on both sides: `>=` names the first version, `<` the first one that is too new, and
`5.3` is `5.3.0`; nothing said is every version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Numbers = tuple[int, ...]

_VERSION = r"([0-9]{1,6}(?:\.[0-9]{1,6}){0,4})"
_RANGE = re.compile(rf"(?:>=\s*{_VERSION})?(?:\s*(,)?\s*<\s*{_VERSION})?")
MOST_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class PecRange:
    """Versions from `least` on and before `before`; without `before` there is no end."""

    least: Numbers = ()
    before: Numbers | None = None

    def has(self, version: str) -> bool:
        """Whether a version is one of these."""
        here = numbers_of(version)
        return self.least <= here and (self.before is None or here < self.before)

    def is_past(self, version: str) -> bool:
        """Whether a version is newer than all of these."""
        return self.before is not None and numbers_of(version) >= self.before

    def meets(self, other: PecRange) -> bool:
        """Whether some version is in both."""
        return (other.before is None or self.least < other.before) and (
            self.before is None or other.least < self.before
        )


def read_range(text: str) -> PecRange:
    """The range that a text says. ValueError, whose text says what is wrong."""
    found = _RANGE.fullmatch(text.strip()) if len(text) <= MOST_CHARACTERS else None
    if found is None:
        raise ValueError("not a range of versions such as '>=5.2,<5.4'")
    least, comma, before = found.groups()
    if (comma is not None) != (least is not None and before is not None):
        raise ValueError("not a range of versions such as '>=5.2,<5.4'")
    made = PecRange(numbers_of(least or ""), None if before is None else numbers_of(before))
    if made.before is not None and made.least >= made.before:
        raise ValueError("a range in which there is no version")
    return made


def numbers_of(version: str) -> Numbers:
    """The numbers of a version, without the zeros at its end."""
    numbers = [int(part) for part in version.split(".") if part.isdecimal()]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
