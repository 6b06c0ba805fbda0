"""The week's plan as the agent takes it from its configuration and follows it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from afluente_agent import documents, schedule
from afluente_agent.documents import CONFIGURATION
from afluente_agent.schedule import WeekPlan
from afluente_agent.settings import DataFolder, SettingsStore
from tests.unit.agent.core.small_hub import SmallHub

TIMES = ("13:10", "13:20", "13:30", "13:40", "13:50", "", "")


@given(
    at=st.integers(1_700_000_000, 1_900_000_000),
    times=st.lists(st.sampled_from(["", "00:00", "08:15", "13:59", "23:59"]), min_size=7, max_size=7).filter(any),
    zone=st.integers(-300, -120),
)
def test_a_reading_is_planned_at_the_moments_of_the_week_and_at_no_other(at: int, times: list[str], zone: int) -> None:
    week = WeekPlan(tuple(times), zone)
    planned = schedule.planned_before(at, send_at="", agent="a", week=week)
    local = datetime.fromtimestamp(planned, UTC) + timedelta(minutes=zone)
    assert f"{local:%H:%M}" == times[local.weekday()]
    for moment in range(planned + 60, at + 1, 60):
        between = datetime.fromtimestamp(moment, UTC) + timedelta(minutes=zone)
        assert f"{between:%H:%M}" != times[between.weekday()]
    assert schedule.planned_before(planned, send_at="", agent="a", week=week) == planned


def take(hub: SmallHub, folder: DataFolder, version: int, **content: object):
    store = SettingsStore(folder)
    documents.take(store, hub.sign("configuration", version, **content), kind=CONFIGURATION)
    return store.load()


def plan(times=TIMES, zone_minutes=-180) -> dict[str, object]:
    return {"times": list(times), "zone_minutes": zone_minutes}


def test_an_operators_hour_goes_before_the_week_and_outlives_a_new_plan(hub: SmallHub, enrolled: DataFolder) -> None:
    base = take(hub, enrolled, 5, heartbeat_seconds=600, send_at="").configuration_version
    settings = take(hub, enrolled, 6, based_on=base, heartbeat_seconds=600, send_at="", send_plan=plan())
    assert settings.week == WeekPlan(TIMES, -180)
    SettingsStore(enrolled).update(send_at="06:30", heartbeat_seconds=300)
    moved = ("15:00", *TIMES[1:])
    settings = take(hub, enrolled, 7, based_on=base, heartbeat_seconds=600, send_at="", send_plan=plan(moved))
    assert (settings.send_at, settings.heartbeat_seconds, settings.week.times) == ("06:30", 300, moved)
    at = 1_800_000_000
    planned = schedule.planned_before(at, send_at=settings.send_at, agent="a", week=settings.week, zone=UTC)
    assert f"{datetime.fromtimestamp(planned, UTC):%H:%M}" == "06:30"
    settings = take(hub, enrolled, 9, based_on=8, heartbeat_seconds=900, send_at="05:00", send_plan=plan(moved))
    assert (settings.send_at, settings.heartbeat_seconds) == ("05:00", 900), "a later word of an operator counts"


def test_a_plan_that_is_none_changes_nothing(hub: SmallHub, enrolled: DataFolder) -> None:
    take(hub, enrolled, 5, send_plan=plan())
    wrong = [plan(TIMES[:6]), plan(("25:00", *TIMES[1:])), plan((1, *TIMES[1:])), plan(zone_minutes=10**6), [], "08:00"]
    for number, one in enumerate(wrong):
        assert take(hub, enrolled, 6 + number, based_on=5, send_plan=one).week == WeekPlan(TIMES, -180)
