"""What a figure is expected to be, from how well the same way of expecting did on every figure before.

A figure is expected to be the median of its last fellows (the same weekday for daily figures, else all), plus what
the same day of the month used to add. How far it may be off is measured on the history itself: each past figure is
expected in the same way from those before it, and the spread of these errors is their median absolute deviation.
Holidays have their own spread. Figures that are never negative are compared by their ratio (log1p).

Invariant: the tested figure, figures after it and acknowledged incidents are no part of its baseline.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from statistics import fmean, median
from typing import Literal

from afluente.watch.calendar_days import is_last_of_month
from afluente.watch.observations import Point

Season = Literal["none", "weekday", "day_of_month", "weekday+day_of_month", "holiday"]

TRAINED_POINTS = 14
"""Fewer figures than this say nothing."""
FELLOWS_OF_WEEKDAY = 8
FELLOWS_OF_ALL = 28
FEWEST_BEFORE_ALL = 7
FEWEST_ERRORS = 7
SAME_DAYS_KEPT = 6
MOST_OF_SAME_DAYS = 0.75
FEWEST_HOLIDAYS = 3
LARGEST_DAILY_GAP_DAYS = 3
ERRORS_KEPT = 120
MAD_TO_SIGMA = 1.4826
MEAN_DEVIATION_TO_SIGMA = 1.2533
SMALLEST_SPREAD = 0.01
"""Of the scale compared on: about one percent of a figure."""
SMALL_SAMPLE = 6.0
"""A spread measured on n errors is widened by 1 + SMALL_SAMPLE / n: a small sample underestimates its tail."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was expected and how far off the figure is. `z` counts spreads, its sign the direction; a spread is a ratio
    (log1p) where `is_ratio`, else in the figure's unit.
    """

    season: Season
    expected: float
    spread: float
    z: float
    points: int
    is_ratio: bool

    def limits(self, z: float) -> tuple[float, float]:
        """The lowest and highest figure that is no further off than `z` spreads."""
        centre = _scaled(self.expected, is_ratio=self.is_ratio)
        low, high = centre - z * self.spread, centre + z * self.spread
        return (math.expm1(low), math.expm1(high)) if self.is_ratio else (low, high)


@dataclass(frozen=True, slots=True)
class Untrained:
    """Nothing can be said yet. `reason` is what there is too little of."""

    reason: Literal["points", "holidays"]
    points: int


@dataclass(frozen=True, slots=True)
class _Error:
    """How far a past figure was from what was expected of it."""

    day: date
    off: float


IsHoliday = Callable[[date], bool]


def expect(point: Point, known: Sequence[Point], *, is_holiday: IsHoliday) -> Baseline | Untrained:
    """The baseline of a point from the points before it, in the order of time and without incidents."""
    past = [one for one in known if one.at < point.at]
    if len(past) < TRAINED_POINTS:
        return Untrained("points", len(past))
    is_ratio = point.value >= 0 and all(one.value >= 0 for one in past)
    figures = [(one.at.date(), _scaled(one.value, is_ratio=is_ratio)) for one in past]
    ordinary = [is_holiday(day) for day, _ in figures]
    today, value = point.at.date(), _scaled(point.value, is_ratio=is_ratio)
    best = _best_season(figures, ordinary, today)
    if best is None:
        return Untrained("points", len(past))
    season, base, errors, holiday_errors = best
    bias = median(error.off for error in errors)
    errors = [_Error(error.day, error.off - bias) for error in errors]
    holiday_errors = [_Error(error.day, error.off - bias) for error in holiday_errors]
    floor = SMALLEST_SPREAD * (1.0 if is_ratio else max(median(abs(value) for _, value in figures), SMALLEST_SPREAD))
    spread = _spread([error.off for error in errors], floor)
    if is_holiday(today):
        return _on_holiday(value, base + bias, spread, holiday_errors, len(past), is_ratio=is_ratio)
    effect = _day_of_month_effect(today, value - base - bias, errors, spread)
    if effect:
        season = "weekday+day_of_month" if season == "weekday" else "day_of_month"
    expected = base + bias + effect
    off = value - expected
    if not _is_outside_known(off, errors) and _has_no_deviation(errors):
        off = 0.0
    return Baseline(season, _unscaled(expected, is_ratio=is_ratio), spread, off / spread, len(past), is_ratio)


def _best_season(
    figures: Sequence[tuple[date, float]], holidays: Sequence[bool], today: date
) -> tuple[Season, float, list[_Error], list[_Error]] | None:
    """The way of expecting that erred the least: what it expects today, and its errors."""
    found: list[tuple[float, Season, float, list[_Error], list[_Error]]] = []
    days = [day for day, _ in figures]
    gaps = [(later - earlier).days for earlier, later in pairwise(days)]
    seasons: tuple[Season, ...] = ("weekday", "none") if median(gaps) <= LARGEST_DAILY_GAP_DAYS else ("none",)
    for season in seasons:
        fellows: dict[int, list[float]] = {}
        fewest = 1 if season == "weekday" else FEWEST_BEFORE_ALL
        kept = FELLOWS_OF_WEEKDAY if season == "weekday" else FELLOWS_OF_ALL
        errors: list[_Error] = []
        holiday_errors: list[_Error] = []
        for (day, value), is_special in zip(figures, holidays, strict=True):
            group = fellows.setdefault(day.weekday() if season == "weekday" else 0, [])
            if len(group) >= fewest:
                error = _Error(day, value - median(group[-kept:]))
                (holiday_errors if is_special else errors).append(error)
            if not is_special:
                group.append(value)
        group = fellows.get(today.weekday() if season == "weekday" else 0, [])
        if len(group) < fewest or len(errors) < FEWEST_ERRORS:
            continue
        recent = errors[-ERRORS_KEPT:]
        found.append((fmean(abs(e.off) for e in recent), season, median(group[-kept:]), errors, holiday_errors))
    if not found:
        return None
    _, season, base, errors, holiday_errors = min(found, key=lambda one: one[0])
    return season, base, errors, holiday_errors


def _day_of_month_effect(today: date, off: float, errors: Sequence[_Error], spread: float) -> float:
    """What the same day of earlier months was off by, when most of them were clearly so; 0 when they were not.

    One earlier month may explain what is off now, and is not enough to expect it.
    """
    same = [error.off for error in errors if _is_same_day_of_month(error.day, today)][-SAME_DAYS_KEPT:]
    if not same:
        return 0.0
    effect = median(same)
    clear = [one for one in same if abs(one) >= 2 * spread and one * effect > 0]
    if len(clear) < MOST_OF_SAME_DAYS * len(same) or (len(same) == 1 and abs(off - effect) > abs(off)):
        return 0.0
    return effect


def _is_same_day_of_month(one: date, other: date) -> bool:
    return one.day == other.day or (is_last_of_month(one) and is_last_of_month(other))


def _on_holiday(
    value: float, expected: float, spread: float, errors: Sequence[_Error], points: int, *, is_ratio: bool
) -> Baseline | Untrained:
    """A holiday is held against what holidays have been like; too few of them say nothing."""
    if len(errors) < FEWEST_HOLIDAYS:
        return Untrained("holidays", len(errors))
    offs = [error.off for error in errors]
    lowest, highest = min(offs), max(offs)
    middle = median(offs)
    off = value - expected
    beyond = min(off - lowest, 0.0) + max(off - highest, 0.0)
    centre = _unscaled(expected + middle, is_ratio=is_ratio)
    return Baseline("holiday", centre, spread, beyond / spread, points, is_ratio)


def _spread(errors: Sequence[float], floor: float) -> float:
    """One sigma of the errors around 0, from the newest of them; at least `floor`."""
    recent = [abs(off) for off in errors[-ERRORS_KEPT:]]
    sigma = MAD_TO_SIGMA * median(recent)
    if sigma < floor:
        sigma = MEAN_DEVIATION_TO_SIGMA * fmean(recent)
    return max(sigma * (1 + SMALL_SAMPLE / len(recent)), floor)


def _has_no_deviation(errors: Sequence[_Error]) -> bool:
    return median(abs(error.off) for error in errors[-ERRORS_KEPT:]) == 0


def _is_outside_known(off: float, errors: Sequence[_Error]) -> bool:
    """Whether no past error was as large. Counts when most figures are the same, and the spread says little."""
    offs = [error.off for error in errors]
    return off < min(offs) or off > max(offs)


def _scaled(value: float, *, is_ratio: bool) -> float:
    return math.log1p(value) if is_ratio else value


def _unscaled(value: float, *, is_ratio: bool) -> float:
    return math.expm1(value) if is_ratio else value
