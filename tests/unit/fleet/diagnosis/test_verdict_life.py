"""The life of a verdict in the state: written, renewed, corrected by a later fact, closed when the site sends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from afluente.fleet.diagnosis import diagnose, verdicts
from afluente.fleet.summary import summarise
from afluente.state.database import Database
from afluente.state.fleet_schema import AGENTS, VERDICTS
from tests.unit.fleet.diagnosis.injected import (
    DAY,
    SITE,
    Others,
    Sent,
    Situation,
    Told,
    put_fact,
    put_transmissions,
    inject,
    moment,
)

SILENT = Situation("silent", "inactivity.off_or_no_internet", seen="-1 15:40")
NOW = moment(DAY, "10:30")
NEXT = DAY + timedelta(days=1)


def come_back(database: Database, *facts: Told, sent: Sent | None = None, at: str = "+1 08:30") -> None:
    with database.write() as connection:
        for fact in facts:
            put_fact(connection, SILENT, fact, SITE)
        if sent is not None:
            put_transmissions(connection, SILENT, sent)
        connection.execute(sa.update(AGENTS).values(last_seen_at=moment(DAY, at)))


def history(database: Database) -> list[tuple[str, str, str]]:
    with database.read() as connection:
        return [(str(one.day), one.code, one.status) for one in verdicts.history(connection, SITE)][::-1]


def test_a_verdict_stands_once_however_often_it_is_drawn(database: Database) -> None:
    inject(database, SILENT)
    [first] = diagnose(database, day=DAY, at=NOW)
    [second] = diagnose(database, day=DAY, at=NOW + timedelta(minutes=30))
    assert (first.id, first.at) == (second.id, second.at)
    assert history(database) == [("2026-09-16", "inactivity.off_or_no_internet", "current")]
    with database.read() as connection:
        [stored] = verdicts.current(connection, site=SITE)
    assert stored == second


def test_a_fact_told_later_corrects_the_verdict_of_the_same_day(database: Database) -> None:
    inject(database, SILENT)
    [guess] = diagnose(database, day=DAY, at=NOW)
    assert guess.confidence <= 0.5
    come_back(database, Told("av.file_removed", "08:10", received="11:00"), at="11:00")
    [found] = diagnose(database, day=DAY, at=moment(DAY, "11:05"))
    assert (found.code, found.corrects) == ("maintenance.antivirus", guess.id)
    assert found.confidence > guess.confidence
    assert [status for _, _, status in history(database)] == ["corrected", "current"]


def test_the_next_day_explains_the_day_before_and_sending_closes_it(database: Database) -> None:
    inject(database, SILENT)
    diagnose(database, day=DAY, at=NOW)
    come_back(
        database,
        Told("net.dns", "08:10", received="+1 08:20"),
        Told("net.dns", "09:10", received="+1 08:20"),
        sent=Sent(at="+1 08:25"),
    )
    assert diagnose(database, day=NEXT, at=moment(DAY, "+1 08:40")) == []
    assert history(database) == [
        ("2026-09-16", "inactivity.off_or_no_internet", "corrected"),
        ("2026-09-16", "connectivity.dns", "current"),
    ]
    diagnose(database, day=NEXT, at=moment(DAY, "+1 09:00"))
    come_back(database, sent=Sent(at="+1 09:10"), at="+1 09:15")
    diagnose(database, day=NEXT, at=moment(DAY, "+1 09:20"))
    assert history(database)[-1] == ("2026-09-16", "connectivity.dns", "closed")


def test_a_machine_that_started_only_the_next_day_was_off(database: Database) -> None:
    inject(database, SILENT)
    diagnose(database, day=DAY, at=NOW)
    come_back(database, Told("power.boot", "+1 07:50", received="+1 08:00"))
    diagnose(database, day=NEXT, at=moment(DAY, "+1 08:40"))
    assert ("2026-09-16", "inactivity.was_off", "current") in history(database)


def test_a_task_that_was_put_back_the_next_day_explains_the_silence(database: Database) -> None:
    inject(database, SILENT)
    diagnose(database, day=DAY, at=NOW)
    come_back(database, Told("service.watchdog_restored_task", "+1 07:50", received="+1 08:00"))
    diagnose(database, day=NEXT, at=moment(DAY, "+1 08:40"))
    assert ("2026-09-16", "maintenance.task_removed", "current") in history(database)


def test_a_verdict_of_the_day_closes_when_the_site_sends(database: Database) -> None:
    inject(database, SILENT)
    diagnose(database, day=DAY, at=NOW)
    come_back(database, sent=Sent(at="11:00"), at="11:05")
    assert diagnose(database, day=DAY, at=moment(DAY, "11:10")) == []
    assert history(database) == [("2026-09-16", "inactivity.off_or_no_internet", "closed")]


def test_what_nobody_explained_in_days_is_closed(database: Database) -> None:
    inject(database, SILENT)
    for back in range(6):
        diagnose(database, day=DAY + timedelta(days=back), at=NOW + timedelta(days=back))
    standing = [day for day, _, status in history(database) if status == "current"]
    assert len(standing) == 4
    assert standing[0] == "2026-09-18"


def test_the_summary_counts_every_site_once_and_writes_nothing(database: Database) -> None:
    inject(database, replace(SILENT, others=(Others(3, "MG", False), Others(2, "MG", True))))
    summary = summarise(database, day=DAY, at=NOW)
    assert sum(summary.counts().values()) == len(summary.sites) == 6
    assert (summary.counts()["silent"], summary.counts()["waiting"]) == (3, 3)
    assert {line.site for line in summary.to_do()} == {SITE, "other-4", "other-5"}
    with database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(VERDICTS)).scalar_one() == 0


def test_the_message_of_a_past_day_names_the_day(database: Database) -> None:
    inject(database, replace(SILENT, hub=(Told("hub.down", "10:00", {"seconds": "9000"}),)))
    [today] = diagnose(database, day=DAY, at=NOW)
    assert "Olá, equipe de Município 3509502! O envio de hoje atrasou por uma falha nossa." in today.message_pt
    past = summarise(database, day=DAY, at=NOW + timedelta(days=1)).sites[0].verdict
    assert past is not None
    assert " hoje" not in past.message_pt
