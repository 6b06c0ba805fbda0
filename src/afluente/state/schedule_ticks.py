"""The last tick each schedule has answered, so that none is answered twice and a missed one is found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from afluente.state.schema import SCHEDULE_TICKS
from afluente.state.upsert import upsert


@dataclass(frozen=True, slots=True)
class ScheduleTick:
    """The newest moment of a schedule that a run was started for, and the cron it was read from."""

    pipeline: str
    schedule: str
    cron: str
    last_tick_at: datetime


def find(connection: sa.Connection, pipeline: str, schedule: str) -> ScheduleTick | None:
    query = sa.select(SCHEDULE_TICKS).where(
        SCHEDULE_TICKS.c.pipeline == pipeline, SCHEDULE_TICKS.c.schedule == schedule
    )
    row = connection.execute(query).first()
    return None if row is None else ScheduleTick(**row._mapping)  # noqa: SLF001


def save(connection: sa.Connection, tick: ScheduleTick) -> None:
    upsert(connection, SCHEDULE_TICKS, [asdict(tick)])
