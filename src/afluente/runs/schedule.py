"""When schedules are due.

Invariant: a tick is answered by exactly one run: the run's row and the tick's are written in one transaction.
Ticks that passed while nobody served are answered by one run, for the last of them. A clock set back answers no tick
again; set back by more than SET_BACK_LIMIT it was wrong before, and ticks count from where it stands now.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from afluente.runs.cron import Cron
from afluente.state import schedule_ticks
from afluente.state.database import Database
from afluente.state.schedule_ticks import ScheduleTick

SET_BACK_LIMIT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Timetable:
    """One schedule of a pipeline: when its ticks are, in the project's time zone."""

    pipeline: str
    name: str
    cron: Cron
    zone: ZoneInfo

    def next_after(self, moment: datetime) -> datetime:
        return self.cron.next_after(moment, self.zone)

    def begin(self, database: Database, *, at: datetime) -> None:
        """Count ticks from now on, when the schedule is new or its cron was changed."""
        with database.write() as connection:
            known = schedule_ticks.find(connection, self.pipeline, self.name)
            if known is None or known.cron != self.cron.text:
                self.answer(connection, at)

    def due(self, database: Database, *, at: datetime) -> datetime | None:
        """The last tick that passed and was not answered; None when there is none."""
        with database.read() as connection:
            known = schedule_ticks.find(connection, self.pipeline, self.name)
        if known is None:
            return None
        if known.last_tick_at - at > SET_BACK_LIMIT:
            with database.write() as connection:
                self.answer(connection, at)
            return None
        return self.cron.latest(after=known.last_tick_at, until=at, zone=self.zone)

    def answer(self, connection: sa.Connection, tick: datetime) -> None:
        """Write down that a tick, and all before it, was answered."""
        schedule_ticks.save(
            connection,
            ScheduleTick(pipeline=self.pipeline, schedule=self.name, cron=self.cron.text, last_tick_at=tick),
        )
