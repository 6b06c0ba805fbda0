"""How many notices each channel got in a week: people stop reading when there are too many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from afluente.state.watch_schema import NOTICES

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Budget:
    """Notices of the last seven days against what people still read."""

    channel: str
    spent: int
    allowed: int

    @property
    def is_overspent(self) -> bool:
        return self.spent > self.allowed


def budget(connection: sa.Connection, channel: str, *, allowed: int, at: datetime) -> Budget:
    query = sa.select(sa.func.count()).where(NOTICES.c.channel == channel, NOTICES.c.at > at - WEEK, NOTICES.c.at <= at)
    return Budget(channel, int(connection.execute(query).scalar_one()), allowed)
