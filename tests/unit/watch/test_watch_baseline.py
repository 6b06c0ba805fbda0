"""Baselines on simulated sales: what is only noise passes, what was injected is found."""

from __future__ import annotations

import math
import random
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.core.errors import ProjectError
from afluente.watch.baseline import Baseline, Untrained, expect
from afluente.watch.calendar_days import holidays_of, is_holiday
from afluente.watch.checks import DEFAULT_Z
from afluente.watch.observations import Point

START = datetime(2025, 1, 6, tzinfo=UTC)
WEEK = (0.7, 0.75, 0.9, 1.0, 1.4, 1.7, 1.3)
in_sao_paulo = partial(is_holiday, state="SP")


def sales(
    seed: int, days: int, *, noise: float = 0.07, payday: float = 0.0, trend: float = 0.02, on_holidays: float = 1.5
) -> list[Point]:
    rng = random.Random(seed)
    points = []
    for i in range(days):
        at = START + timedelta(days=i)
        level = 5000 * (1 + trend) ** (i / 30) * WEEK[at.weekday()] * (1 + payday * (at.day in (5, 20)))
        if in_sao_paulo(at.date()):
            level *= on_holidays
        points.append(Point(at, round(level * math.exp(rng.gauss(0, noise)))))
    return points


def z_of(points: list[Point], i: int, times: float = 1.0) -> float | None:
    found = expect(Point(points[i].at, points[i].value * times), points[:i], is_holiday=in_sao_paulo)
    return found.z if isinstance(found, Baseline) else None


@pytest.mark.parametrize("payday", [0.0, 0.5])
def test_fewer_than_one_figure_in_a_hundred_is_flagged_when_nothing_happened(payday: float) -> None:
    zs = [z_of(sales(seed, 330, payday=payday), i) for seed in range(6) for i in range(15 + seed, 330, 3)]
    told = [z for z in zs if z is not None]
    assert len(told) > 500
    assert sum(abs(z) > DEFAULT_Z for z in told) / len(told) < 0.01


def test_what_fell_by_half_or_doubled_is_found() -> None:
    zs = [
        z_of(points, i, times)
        for seed, points in enumerate(sales(seed, 200) for seed in range(5))
        for i in range(60 + seed, 200, 11)
        for times in (0.4, 2.5)
        if not in_sao_paulo(points[i].at.date())
    ]
    assert sum(z is not None and abs(z) > DEFAULT_Z for z in zs) / len(zs) > 0.98


def test_a_saturday_that_sold_like_a_tuesday_is_found() -> None:
    points = sales(3, 150, trend=0)
    saturday = next(i for i in range(120, 150) if points[i].at.weekday() == 5 and not in_sao_paulo(points[i].at.date()))
    tuesday = next(point for point in points[100:] if point.at.weekday() == 1)
    found = expect(Point(points[saturday].at, tuesday.value), points[:saturday], is_holiday=in_sao_paulo)
    assert isinstance(found, Baseline)
    assert found.season == "weekday"
    assert found.z < -DEFAULT_Z


def test_a_holiday_is_held_against_holidays_and_not_flagged() -> None:
    flagged = []
    for seed in range(6):
        points = sales(seed, 700, on_holidays=2.2)
        for i, point in enumerate(points):
            if in_sao_paulo(point.at.date()):
                z = z_of(points, i)
                flagged.append(z is not None and abs(z) > DEFAULT_Z)
    assert len(flagged) > 150
    assert sum(flagged) / len(flagged) < 0.02


def test_the_same_jump_on_an_ordinary_day_is_flagged() -> None:
    points = sales(1, 300)
    ordinary = next(i for i in range(250, 300) if not in_sao_paulo(points[i].at.date()))
    z = z_of(points, ordinary, 2.2)
    assert z is not None
    assert z > DEFAULT_Z


def test_sales_that_vanish_on_a_holiday_are_found_once_holidays_are_known() -> None:
    points = sales(2, 700, on_holidays=1.5)
    i = max(i for i, point in enumerate(points) if in_sao_paulo(point.at.date()))
    found = expect(Point(points[i].at, 0), points[:i], is_holiday=in_sao_paulo)
    assert isinstance(found, Baseline)
    assert found.season == "holiday"
    assert found.z < -DEFAULT_Z


def test_a_first_holiday_says_nothing() -> None:
    carnival = datetime(2025, 3, 4, tzinfo=UTC)
    points = [point for point in sales(1, 90) if point.at < carnival]
    assert isinstance(expect(Point(carnival, 1), points, is_holiday=in_sao_paulo), Untrained)


def test_a_payday_that_comes_each_month_is_expected_and_its_absence_is_found() -> None:
    points = sales(4, 240, payday=0.8, noise=0.05)
    i = next(i for i in range(200, 240) if points[i].at.day == 20)
    found = expect(points[i], points[:i], is_holiday=in_sao_paulo)
    assert isinstance(found, Baseline)
    assert found.season == "weekday+day_of_month"
    assert abs(found.z) < DEFAULT_Z
    absent = z_of(points, i, 1 / 1.8)
    assert absent is not None
    assert absent < -DEFAULT_Z


def test_thirteen_figures_say_nothing_and_fourteen_do() -> None:
    points = sales(1, 15)
    assert expect(points[13], points[:13], is_holiday=lambda _: False) == Untrained("points", 13)
    assert isinstance(expect(points[14], points[:14], is_holiday=lambda _: False), Baseline)


def test_figures_that_never_moved_have_a_spread_and_a_move_is_found() -> None:
    points = [Point(START + timedelta(days=i), 27.0) for i in range(40)]
    last = START + timedelta(days=40)
    same = expect(Point(last, 27.0), points, is_holiday=lambda _: False)
    fewer = expect(Point(last, 20.0), points, is_holiday=lambda _: False)
    assert isinstance(same, Baseline)
    assert isinstance(fewer, Baseline)
    assert same.z == 0
    assert fewer.z < -DEFAULT_Z


def test_rare_counts_are_not_flagged_for_being_rare() -> None:
    rng = random.Random(5)
    points = [Point(START + timedelta(days=i), float(rng.random() < 0.12)) for i in range(300)]
    zs = [expect(points[i], points[:i], is_holiday=lambda _: False) for i in range(40, 300)]
    assert not [one for one in zs if isinstance(one, Baseline) and abs(one.z) > DEFAULT_Z]


def test_monthly_figures_are_held_against_all_months() -> None:
    points = [Point(datetime(2024 + i // 12, 1 + i % 12, 1, tzinfo=UTC), 100.0 + i % 3) for i in range(24)]
    found = expect(Point(datetime(2026, 1, 1, tzinfo=UTC), 20.0), points, is_holiday=lambda _: False)
    assert isinstance(found, Baseline)
    assert found.season == "none"
    assert found.z < -DEFAULT_Z


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e9, 1e9, allow_nan=False), min_size=14, max_size=60),
    st.floats(-1e9, 1e9, allow_nan=False),
)
def test_any_history_gives_a_finite_answer_that_later_figures_do_not_change(values: list[float], value: float) -> None:
    points = [Point(START + timedelta(days=i), one) for i, one in enumerate(values)]
    tested = Point(START + timedelta(days=len(values)), value)
    later = [tested, Point(tested.at + timedelta(days=1), 1e12)]
    found = expect(tested, points, is_holiday=lambda _: False)
    assert found == expect(tested, [*points, *later], is_holiday=lambda _: False)
    if isinstance(found, Baseline):
        assert math.isfinite(found.z)
        assert found.spread > 0
        low, high = found.limits(DEFAULT_Z)
        assert low <= high


def test_holidays_of_the_state_and_optional_ones_are_known() -> None:
    assert date(2026, 7, 9) in holidays_of(2026, state="SP")
    assert date(2026, 7, 9) not in holidays_of(2026)
    assert date(2026, 2, 17) in holidays_of(2026)
    assert date(2026, 2, 17) not in holidays_of(2026, has_optional=False)
    assert date(2026, 11, 20) in holidays_of(2026, has_optional=False)


def test_a_state_that_does_not_exist_is_named() -> None:
    with pytest.raises(ProjectError, match="'XX' is no state") as raised:
        holidays_of(2026, state="XX")
    assert raised.value.code == "watch.state_unknown"
