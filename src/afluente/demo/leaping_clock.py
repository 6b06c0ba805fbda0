"""A clock that can be put forward, so that a demo shows what happens an hour later without waiting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class LeapingClock:
    """The machine's clock, put forward where a person would wait."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def leap(self, ahead: timedelta) -> None:
        self._ahead += ahead
