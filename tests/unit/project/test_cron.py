"""Cron expressions are judged as the scheduler judges them."""

from __future__ import annotations

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.project.cron import cron_mistake


@pytest.mark.parametrize(
    "text",
    [
        "0 6 * * *",
        "*/15 * * * *",
        "0 0 1,15 * *",
        "30 8-18/2 * * mon-fri",
        "0 0 29 2 *",
        "5 4 * jan,jul sun",
        "0 0 31 1,2 *",
    ],
)
def test_right_expressions_are_accepted(text: str) -> None:
    assert cron_mistake(text) is None
    assert croniter.is_valid(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "0 6 * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "a * * * *",
        "*/0 * * * *",
    ]
    + ["5-1 * * * *", "1,,2 * * * *", "@daily", "0 0 31 2,4 *", "-1 * * * *", "*/99 * * * *", "٣ * * * *"],
)
def test_wrong_expressions_are_told(text: str) -> None:
    assert cron_mistake(text)


PART = st.sampled_from(
    ["*", "0", "1", "5", "12", "23", "31", "59", "60", "1-5", "*/2", "1,3", "mon", "jan", "2-4/2", "", "x", "1-", "7"]
)


@given(st.lists(PART, min_size=4, max_size=6).map(" ".join))
@settings(max_examples=300, deadline=None)
def test_what_is_accepted_the_scheduler_accepts_too(text: str) -> None:
    if cron_mistake(text) is None:
        assert croniter.is_valid(text)
