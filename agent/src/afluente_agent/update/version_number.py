"""Versions of the agent as numbers, and as names of folders.

Invariant: a text that is a version has one spelling of its own and is safe as the name of a folder anywhere.
"""

from __future__ import annotations

import re

_PATTERN = re.compile(r"(?:0|[1-9][0-9]{0,5})(?:\.(?:0|[1-9][0-9]{0,5})){2,3}")


def is_version(text: str) -> bool:
    """Whether a text is three or four numbers with dots between, such as `1.4.0`."""
    return _PATTERN.fullmatch(text) is not None


def numbers(version: str) -> tuple[int, ...]:
    """What to compare; `1.4.0` and `1.4.0.0` are the same. ValueError."""
    if not is_version(version):
        raise ValueError("not a version")
    parts = tuple(int(part) for part in version.split("."))
    return (*parts, *(0,) * (4 - len(parts)))


def is_newer(version: str, than: str) -> bool:
    """Whether a version comes after another. One that is no version comes before all."""
    return _order(version) > _order(than)


def _order(version: str) -> tuple[int, ...]:
    return numbers(version) if is_version(version) else (-1,)
