"""The diagnosis as a hub runs it: today's, again and again, and as the operators' door shows it."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from afluente.core.clock import Clock
from afluente.fleet.diagnosis import verdicts
from afluente.fleet.diagnosis.conclude import diagnose
from afluente.fleet.diagnosis.verdict import Verdict
from afluente.state.database import Database
from afluente.state.json_value import Json


class DiagnosisDesk:
    """`timezone` says which day it is; each site's own day begins in its own."""

    def __init__(self, database: Database, clock: Clock, *, timezone: str) -> None:
        self._database = database
        self._clock = clock
        self._timezone = ZoneInfo(timezone)

    def draw(self) -> list[Mapping[str, Json]]:
        """Draw today's verdicts anew; those that are new, or that say something else than they did."""
        now = self._clock.now()
        with self._database.read() as connection:
            before = {one.id: one for one in verdicts.current(connection)}
        found = diagnose(self._database, day=now.astimezone(self._timezone).date(), at=now)
        return [shown(one) for one in found if before.get(one.id) != one]


def shown(verdict: Verdict) -> dict[str, Json]:
    """A verdict as JSON."""
    return {
        "id": verdict.id,
        "site": verdict.site,
        "day": verdict.day.isoformat(),
        "code": verdict.code,
        "family": verdict.family,
        "confidence": verdict.confidence,
        "evidence": dict(verdict.evidence),
        "action": verdict.action,
        "message_pt": verdict.message_pt,
        "at": verdict.at.isoformat(),
        "corrects": verdict.corrects,
        "status": verdict.status,
    }
