"""What a text may turn out to be: a value, MISSING, INVALID, or a value that was repaired or warned about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

MISSING = object()
INVALID = object()


@dataclass(frozen=True)
class Repaired:
    value: object
    rule: str


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]
