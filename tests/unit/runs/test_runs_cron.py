"""Ticks: strictly increasing, none lost in a gap, none doubled in an overlap."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from afluente.core.errors import ProjectError
from afluente.runs.cron import Cron

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
LISBON = ZoneInfo("Europe/Lisbon")
ZONES = st.sampled_from([SAO_PAULO, LISBON, ZoneInfo("UTC"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia")])
MOMENTS = st.datetimes(datetime(2005, 1, 1), datetime(2030, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))


def _field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    return st.one_of(
        st.just("*"),
        number.map(str),
        st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}"),
        st.integers(1, high - low + 1).map(lambda step: f"*/{step}"),
        st.lists(number, min_size=1, max_size=3).map(lambda many: ",".join(map(str, many))),
    )


CRONS = st.tuples(_field(0, 59), _field(0, 23), _field(1, 28), _field(1, 12), _field(0, 7)).map(" ".join)


def local(text: str, zone: ZoneInfo, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


@settings(max_examples=120, deadline=None)
@given(text=CRONS, moment=MOMENTS, zone=ZONES)
@example("30 0 * * *", datetime(2017, 10, 14, tzinfo=UTC), SAO_PAULO)
@example("30 23 * * *", datetime(2018, 2, 17, tzinfo=UTC), SAO_PAULO)
@example("*/20 * * * *", datetime(2026, 10, 24, 23, tzinfo=UTC), LISBON)
@example("0 12 * * *", datetime(2011, 12, 29, tzinfo=UTC), ZoneInfo("Pacific/Apia"))
def test_ticks_strictly_increase_and_the_latest_is_the_last_of_them(
    text: str, moment: datetime, zone: ZoneInfo
) -> None:
    cron = Cron.parse(text)
    ticks = [moment]
    for _ in range(6):
        ticks.append(cron.next_after(ticks[-1], zone))
    assert all(earlier < later for earlier, later in zip(ticks, ticks[1:], strict=False))
    for earlier, later in zip(ticks, ticks[1:], strict=False):
        assert cron.latest(after=moment, until=later, zone=zone) == later
        just_before = cron.latest(after=moment, until=later - timedelta(seconds=1), zone=zone)
        assert just_before == (None if earlier == moment else earlier)


@settings(max_examples=60, deadline=None)
@given(hour=st.integers(0, 23), minute=st.integers(0, 59), first=st.dates(date(2005, 1, 1), date(2029, 1, 1)))
@example(0, 0, date(2017, 10, 1))
@example(0, 30, date(2018, 10, 20))
@example(23, 30, date(2018, 2, 1))
def test_a_daily_schedule_ticks_once_each_day_of_the_calendar(hour: int, minute: int, first: date) -> None:
    cron = Cron.parse(f"{minute} {hour} * * *")
    for zone in (SAO_PAULO, LISBON):
        moment = datetime(first.year, first.month, first.day, tzinfo=zone).astimezone(UTC) - timedelta(seconds=1)
        days = []
        for _ in range(40):
            moment = cron.next_after(moment, zone)
            days.append(moment.astimezone(zone).date())
        assert days == [first + timedelta(days=number) for number in range(40)]


def test_a_time_that_a_gap_swallows_comes_when_the_gap_ends() -> None:
    cron = Cron.parse("30 0 * * *")
    tick = cron.next_after(local("2017-10-14T12:00", SAO_PAULO), SAO_PAULO)
    assert tick == local("2017-10-15T01:00", SAO_PAULO)
    assert cron.next_after(tick, SAO_PAULO) == local("2017-10-16T00:30", SAO_PAULO)


def test_two_times_that_one_gap_swallows_come_as_one() -> None:
    cron = Cron.parse("15,45 0 * * *")
    assert cron.ticks_of(date(2017, 10, 15), SAO_PAULO) == [local("2017-10-15T01:00", SAO_PAULO)]


def test_a_time_that_an_overlap_repeats_comes_once() -> None:
    cron = Cron.parse("30 23 * * *")
    first = local("2018-02-17T23:30", SAO_PAULO)
    assert cron.next_after(local("2018-02-17T12:00", SAO_PAULO), SAO_PAULO) == first
    assert cron.next_after(first, SAO_PAULO) == local("2018-02-18T23:30", SAO_PAULO)


def test_an_hourly_schedule_stays_hourly_through_a_gap_and_an_overlap() -> None:
    cron = Cron.parse("0 * * * *")
    for start in ("2026-03-28T22:00", "2026-10-24T22:00"):
        moment = local(start, LISBON)
        for _ in range(8):
            tick = cron.next_after(moment, LISBON)
            assert tick - moment == timedelta(hours=1)
            moment = tick


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("0 6 * * *", "2026-03-01T06:00", "2026-03-02T06:00"),
        ("0 6 * * mon-fri", "2026-03-06T07:00", "2026-03-09T06:00"),
        ("0 6 * * 7", "2026-03-02T07:00", "2026-03-08T06:00"),
        ("0 0 29 2 *", "2026-03-02T07:00", "2028-02-29T00:00"),
        ("*/15 8-9 1 jan,jul *", "2026-03-02T07:00", "2026-07-01T08:00"),
        ("0 0 13 * fri", "2026-03-07T00:00", "2026-03-13T00:00"),
        ("0 0 13 * fri", "2026-03-13T00:00", "2026-03-20T00:00"),
        ("50/5 * * * *", "2026-03-13T00:51", "2026-03-13T00:55"),
    ],
)
def test_the_fields_mean_what_cron_means_by_them(text: str, after: str, expected: str) -> None:
    found = Cron.parse(text).next_after(local(after, SAO_PAULO), SAO_PAULO)
    assert found == local(expected, SAO_PAULO)


def test_the_leap_day_after_a_century_without_one_is_found() -> None:
    zone = ZoneInfo("UTC")
    assert Cron.parse("0 0 29 2 *").next_after(datetime(2096, 3, 1, tzinfo=UTC), zone).year == 2104
    assert Cron.parse("0 0 29 2 */7").next_after(datetime(2088, 3, 1, tzinfo=UTC), zone).year == 2128


def test_a_day_that_is_also_a_certain_day_of_the_week_is_found_years_away() -> None:
    zone = ZoneInfo("UTC")
    assert Cron.parse("0 0 1 1 */7").next_after(datetime(2023, 1, 2, tzinfo=UTC), zone).year == 2034


@pytest.mark.parametrize("text", ["* * * *", "61 * * * *", "a b c d e", "0 0 31 2 *"])
def test_what_is_no_cron_is_refused(text: str) -> None:
    with pytest.raises(ProjectError):
        Cron.parse(text)
