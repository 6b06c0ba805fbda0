"""Schedules against the state: each tick answered once, missed ones by one run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from afluente.runs.cron import Cron
from afluente.runs.schedule import Timetable
from afluente.state.database import Database

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NOON = datetime(2026, 3, 1, 12, tzinfo=SAO_PAULO).astimezone(UTC)


def daily(cron: str = "0 6 * * *") -> Timetable:
    return Timetable(pipeline="p", name="diario", cron=Cron.parse(cron), zone=SAO_PAULO)


def test_a_new_schedule_counts_from_now(database: Database) -> None:
    table = daily()
    assert table.due(database, at=NOON) is None
    table.begin(database, at=NOON)
    assert table.due(database, at=NOON + timedelta(hours=17)) is None
    assert table.due(database, at=NOON + timedelta(hours=18)) == NOON + timedelta(hours=18)


def test_ticks_missed_while_nobody_served_are_answered_once_for_the_last(database: Database) -> None:
    table = daily()
    table.begin(database, at=NOON)
    back = NOON + timedelta(days=5)
    table.begin(database, at=back)
    tick = table.due(database, at=back)
    assert tick == back - timedelta(hours=6)
    with database.write() as connection:
        table.answer(connection, tick)
    assert table.due(database, at=back) is None
    assert table.due(database, at=back + timedelta(hours=18)) == back + timedelta(hours=18)


def test_a_schedule_whose_cron_was_changed_counts_from_then(database: Database) -> None:
    daily().begin(database, at=NOON)
    changed = daily("0 11 * * *")
    changed.begin(database, at=NOON + timedelta(days=3))
    assert changed.due(database, at=NOON + timedelta(days=3)) is None
    assert changed.due(database, at=NOON + timedelta(days=4)) == NOON + timedelta(days=3, hours=23)


def test_an_answer_that_is_rolled_back_leaves_the_tick_due(database: Database) -> None:
    table = daily()
    table.begin(database, at=NOON)
    later = NOON + timedelta(hours=20)

    def answer_and_fail() -> None:
        with database.write() as connection:
            table.answer(connection, later)
            raise KeyError

    with pytest.raises(KeyError):
        answer_and_fail()
    assert table.due(database, at=later) == NOON + timedelta(hours=18)
