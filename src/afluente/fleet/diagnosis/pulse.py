"""The hub's own pulse: so that a time in which it was down, or the central database was, is known to be ours.

Invariant: one row tells when a hub was last alive, whichever process it was; a gap in it becomes a fact when a hub is
back, and counts as a fault of ours before that.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from afluente.core.clock import Clock
from afluente.fleet import facts
from afluente.fleet.diagnosis.hub_faults import LEAST
from afluente.fleet.landing import LEAST_FREE_BYTES
from afluente.state.database import Database
from afluente.state.fleet_schema import FACTS
from afluente_agent.protocol import fact_codes

AGAIN_AFTER = timedelta(minutes=30)
"""A central database that stays away, or a landing folder that stays full, is told of again after this."""


class HubPulse:
    """Called by a hub's background job about once a minute."""

    def __init__(self, database: Database, clock: Clock, *, free_bytes: Callable[[], int] | None = None) -> None:
        """`free_bytes` tells the space that is left for what lands; OSError where it cannot be written at all."""
        self._database = database
        self._clock = clock
        self._free_bytes = free_bytes
        self._full_told_at: datetime | None = None
        self._central_told_at: datetime | None = None

    def beat(self) -> None:
        """A hub is alive now; a gap before it was a time in which none was."""
        now = self._clock.now()
        with self._database.write() as connection:
            self._landing(connection, now)
            mine = (FACTS.c.site == fact_codes.ALL_SITES, FACTS.c.code == fact_codes.HUB_ALIVE)
            last = connection.execute(sa.select(sa.func.max(FACTS.c.at)).where(*mine)).scalar_one()
            if last is None:
                _tell(connection, fact_codes.HUB_ALIVE, now)
                return
            if now - last >= LEAST:
                since, seconds = int(last.timestamp()), int((now - last).total_seconds())
                _tell(connection, fact_codes.HUB_DOWN, now, since=since, seconds=seconds)
            if now > last:
                connection.execute(sa.update(FACTS).where(*mine).values(at=now, received_at=now))

    def _landing(self, connection: sa.Connection, now: datetime) -> None:
        """Whether what lands has room; only while it has none is anything told."""
        try:
            free = self._free_bytes() if self._free_bytes is not None else LEAST_FREE_BYTES
        except OSError:
            free = 0
        if free >= LEAST_FREE_BYTES:
            self._full_told_at = None
        elif self._full_told_at is None or now - self._full_told_at >= AGAIN_AFTER:
            _tell(connection, fact_codes.HUB_LANDING_FULL, now, free_bytes=free)
            self._full_told_at = now

    def central(self, *, is_answering: bool) -> None:
        """Whether the central database answers; only a change is told, and what lasts now and then."""
        now = self._clock.now()
        told_at = self._central_told_at
        if is_answering and told_at is None:
            return
        if not is_answering and told_at is not None and now - told_at < AGAIN_AFTER:
            return
        code = fact_codes.HUB_CENTRAL_RESTORED if is_answering else fact_codes.HUB_CENTRAL_DOWN
        with self._database.write() as connection:
            _tell(connection, code, now)
        self._central_told_at = None if is_answering else now


def _tell(connection: sa.Connection, code: str, at: datetime, **evidence: int) -> None:
    """A fact of the hub itself."""
    told = {name: str(value) for name, value in evidence.items()}
    facts.record(connection, site=fact_codes.ALL_SITES, agent=None, code=code, at=at, evidence=told)
