from __future__ import annotations

import calendar
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from afluente.products.release.periods import DataSpan, periods_to_tell

DAYS = st.dates(date(2024, 1, 1), date(2026, 12, 31))
SPAN = DataSpan(date(2026, 1, 10), date(2026, 3, 31))


def test_the_day_of_the_clock_is_not_over() -> None:
    assert periods_to_tell("day", SPAN, today=date(2026, 3, 31)) == (date(2026, 1, 10), date(2026, 3, 30))
    assert periods_to_tell("day", SPAN, today=date(2026, 4, 1)) == (date(2026, 1, 10), date(2026, 3, 31))


def test_a_month_is_whole_when_the_data_reach_its_last_day_and_the_clock_is_past_it() -> None:
    assert periods_to_tell("month", SPAN, today=date(2026, 3, 31)) == (date(2026, 1, 1), date(2026, 2, 28))
    assert periods_to_tell("month", SPAN, today=date(2026, 4, 1)) == (date(2026, 1, 1), date(2026, 3, 31))
    late = DataSpan(SPAN.first, date(2026, 3, 30))
    assert periods_to_tell("month", late, today=date(2026, 9, 1)) == (date(2026, 1, 1), date(2026, 2, 28))


def test_what_was_told_is_not_told_again_unless_it_is_asked_for() -> None:
    today = date(2026, 4, 1)
    assert periods_to_tell("month", SPAN, today=today, told_until=date(2026, 3, 31)) is None
    asked = (date(2026, 2, 1), date(2026, 2, 28))
    assert periods_to_tell("month", SPAN, today=today, told_until=date(2026, 3, 31), asked=asked) == asked


def test_of_the_days_asked_for_only_whole_months_are_told() -> None:
    today = date(2026, 4, 1)
    assert periods_to_tell("month", SPAN, today=today, asked=(date(2026, 1, 15), date(2026, 3, 30))) == (
        date(2026, 2, 1),
        date(2026, 2, 28),
    )
    assert periods_to_tell("month", SPAN, today=today, asked=(date(2026, 2, 2), date(2026, 2, 27))) is None
    assert periods_to_tell("month", SPAN, today=today, asked=(date(2025, 1, 1), date(2026, 1, 31))) == (
        date(2026, 1, 1),
        date(2026, 1, 31),
    )


def test_without_rows_there_is_nothing_to_tell() -> None:
    assert periods_to_tell("day", None, today=date(2026, 4, 1)) is None


@given(DAYS, DAYS, DAYS, st.none() | DAYS, st.none() | st.tuples(DAYS, DAYS))
def test_only_whole_periods_that_are_over_are_told(
    first: date, newest: date, today: date, told_until: date | None, asked: tuple[date, date] | None
) -> None:
    if told_until is not None:
        told_until = told_until.replace(day=calendar.monthrange(told_until.year, told_until.month)[1])
    span = DataSpan(min(first, newest), newest)
    for grain in ("day", "month"):
        told = periods_to_tell(grain, span, today=today, told_until=told_until, asked=asked)  # type: ignore[arg-type]
        if told is None:
            continue
        assert told[0] <= told[1] < today
        assert told[1] <= newest
        if asked is not None:
            assert asked[0] <= told[0]
            assert told[1] <= asked[1]
        elif told_until is not None:
            assert told[0] > told_until
        if grain == "month":
            assert told[0].day == 1
            assert (told[1] + timedelta(days=1)).day == 1
