"""Situations at the edges: a site of today, a sending of many hours, words that have to stay true."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from afluente.fleet.diagnosis import diagnose
from afluente.fleet.diagnosis.rules import SITUATIONS
from afluente.fleet.uploads import IDLE_DAYS
from afluente.state.database import Database
from afluente.state.fleet_schema import AGENTS, TRANSMISSIONS
from tests.unit.fleet.diagnosis.injected import DAY, SITE, Sent, Situation, inject, moment

DAYS_OF_THE_WEEK = ("segunda", "terça", "quarta", "quinta", "sexta", "sábado", "domingo")


def code_of(database: Database, now: str) -> str:
    mine = [one for one in diagnose(database, day=DAY, at=moment(DAY, now)) if one.site == SITE]
    return mine[0].code if mine else ""


@pytest.mark.parametrize(("now", "seen", "right"), [("14:00", "13:55", ""), ("16:50", "16:45", "ours.unexplained")])
def test_a_site_that_was_installed_today_has_its_time_from_then(
    database: Database, now: str, seen: str, right: str
) -> None:
    inject(database, Situation("installed today", right, now=now, seen=seen))
    with database.write() as connection:
        connection.execute(sa.delete(TRANSMISSIONS))
        connection.execute(sa.update(AGENTS).values(enrolled_at=moment(DAY, "12:45")))
    assert code_of(database, now) == right


@pytest.mark.parametrize(("moved", "right"), [("15:40", "inactivity.sending_now"), ("08:50", "ours.unexplained")])
def test_a_sending_of_many_hours_is_under_way_for_as_long_as_it_moves(
    database: Database, moved: str, right: str
) -> None:
    going = Sent(at="08:20", state="receiving", share=0.4)
    inject(database, Situation("a poor line", right, now="16:00", seen="15:55", sent=(going,)))
    with database.write() as connection:
        forgotten = moment(DAY, moved) + timedelta(days=IDLE_DAYS)
        receiving = TRANSMISSIONS.c.state == "receiving"
        connection.execute(sa.update(TRANSMISSIONS).where(receiving).values(due_at=forgotten))
    assert code_of(database, "16:00") == right


def test_no_message_promises_a_day_of_the_week_that_may_be_a_holiday() -> None:
    promising = [
        code
        for code, situation in SITUATIONS.items()
        if any(day in situation.message_pt.lower() for day in DAYS_OF_THE_WEEK)
    ]
    assert promising == []
