"""The hub's own pulse: so that a time in which it was down, or the central database was, is known to be ours.

Invariant: one row tells when a hub was last alive, whichever process it was; a gap in it becomes a fact when a hub is
back, and counts as a fault of ours before that.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from afluente.core.clock import Clock
from afluente.fleet import facts
from afluente.fleet.diagnosis.hub_faults import ALIVE, LEAST
from afluente.state.database import Database
from afluente.state.fleet_schema import FACTS
from afluente_agent.protocol.fact_codes import ALL_SITES

AGAIN_AFTER = timedelta(minutes=30)
"""A central database that stays away is told of again after this."""


class HubPulse:
    """Called by a hub's background job about once a minute."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._central_told_at: datetime | None = None

    def beat(self) -> None:
        """A hub is alive now; a gap before it was a time in which none was."""
        now = self._clock.now()
        with self._database.write() as connection:
            mine = (FACTS.c.site == ALL_SITES, FACTS.c.code == ALIVE)
            last = connection.execute(sa.select(sa.func.max(FACTS.c.at)).where(*mine)).scalar_one()
            if last is None:
                facts.record(connection, site=ALL_SITES, agent=None, code=ALIVE, at=now, evidence={})
                return
            if now - last >= LEAST:
                evidence = {"since": str(int(last.timestamp())), "seconds": str(int((now - last).total_seconds()))}
                facts.record(connection, site=ALL_SITES, agent=None, code="hub.down", at=now, evidence=evidence)
            if now > last:
                connection.execute(sa.update(FACTS).where(*mine).values(at=now, received_at=now))

    def central(self, *, is_answering: bool) -> None:
        """Whether the central database answers; only a change is told, and what lasts now and then."""
        now = self._clock.now()
        told_at = self._central_told_at
        if is_answering and told_at is None:
            return
        if not is_answering and told_at is not None and now - told_at < AGAIN_AFTER:
            return
        code = "hub.central_restored" if is_answering else "hub.central_down"
        with self._database.write() as connection:
            facts.record(connection, site=ALL_SITES, agent=None, code=code, at=now, evidence={})
        self._central_told_at = None if is_answering else now
