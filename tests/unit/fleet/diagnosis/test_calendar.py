"""Which days are worked: what the package knows, what people told, and which of them wins."""

from __future__ import annotations

from datetime import date

import pytest

from afluente.fleet.calendar import FleetCalendar, KnownDay, keep
from afluente.fleet.municipality_file import STATES
from afluente.state.database import Database

TOWN, OTHER = "3509502", "3550308"


def kind(calendar: FleetCalendar, day: date, *, town: str = TOWN, uf: str = "SP") -> tuple[str, str]:
    found = calendar.kind_of(day, municipality=town, uf=uf)
    return found.kind, found.level


@pytest.mark.parametrize(
    ("day", "uf", "right"),
    [
        (date(2026, 9, 7), "SP", ("holiday", "national")),
        (date(2026, 11, 20), "SP", ("holiday", "national")),
        (date(2026, 7, 9), "SP", ("holiday", "state")),
        (date(2026, 7, 9), "MG", ("workday", "")),
        (date(2026, 7, 2), "BA", ("holiday", "state")),
        (date(2026, 2, 17), "SP", ("optional", "national")),
        (date(2026, 6, 4), "SP", ("optional", "national")),
        (date(2026, 7, 10), "SP", ("bridge", "")),
        (date(2026, 7, 10), "MG", ("workday", "")),
        (date(2026, 9, 19), "SP", ("weekend", "")),
        (date(2026, 9, 16), "SP", ("workday", "")),
        (date(2026, 9, 16), "ZZ", ("workday", "")),
    ],
)
def test_days_that_the_package_knows(day: date, uf: str, right: tuple[str, str]) -> None:
    assert kind(FleetCalendar(), day, uf=uf) == right


def test_every_state_has_its_calendar() -> None:
    calendar = FleetCalendar()
    assert len(set(STATES.values())) == 27
    for uf in STATES.values():
        assert kind(calendar, date(2026, 12, 25), uf=uf) == ("holiday", "national")


def test_what_was_told_wins_and_the_nearer_place_first(database: Database) -> None:
    day, saturday = date(2026, 9, 16), date(2026, 9, 19)
    with database.write() as connection:
        keep(
            connection,
            [
                KnownDay("", day, "Luto nacional", "optional"),
                KnownDay("SP", day, "Luto estadual", "holiday"),
                KnownDay(TOWN, day, "Expediente normal", "workday"),
                KnownDay(TOWN, saturday, "Reposição", "workday"),
                KnownDay(TOWN, date(2026, 9, 7), "Expediente", "workday"),
            ],
            by="ana",
        )
    with database.read() as connection:
        calendar = FleetCalendar.read(connection)
    assert kind(calendar, day) == ("workday", "")
    assert kind(calendar, day, town=OTHER) == ("holiday", "state")
    assert kind(calendar, day, uf="MG") == ("workday", "")
    assert kind(calendar, day, town="3106200", uf="MG") == ("optional", "national")
    assert kind(calendar, saturday) == ("workday", "")
    assert kind(calendar, date(2026, 9, 7)) == ("workday", "")
    assert kind(calendar, date(2026, 9, 7), town=OTHER) == ("holiday", "national")


def test_days_of_work_are_counted_without_holidays_and_weekends() -> None:
    calendar = FleetCalendar([KnownDay(TOWN, date(2026, 9, 15), "Padroeira", "holiday")])
    count = calendar.workdays_between
    assert count(date(2026, 9, 4), date(2026, 9, 16), municipality=OTHER, uf="SP") == 7
    assert count(date(2026, 9, 4), date(2026, 9, 16), municipality=TOWN, uf="SP") == 6
    assert count(date(2026, 9, 16), date(2026, 9, 16), municipality=TOWN, uf="SP") == 0
    assert count(date(2026, 9, 20), date(2026, 9, 16), municipality=TOWN, uf="SP") == 0
