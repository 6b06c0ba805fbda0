"""Failures are counted by who fails, for a minute, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.hub.rate import MOST_KEYS, WINDOW_SECONDS, FailureRate


@dataclass
class Steady:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_who_fails_too_often_waits_and_others_do_not():
    now = Steady()
    rate = FailureRate(2, now=now)
    rate.failed("a")
    assert rate.wait_seconds("a") == 0
    rate.failed("a")
    assert rate.wait_seconds("a") > 0
    assert rate.wait_seconds("b") == 0


def test_after_a_minute_it_is_forgotten():
    now = Steady()
    rate = FailureRate(1, now=now)
    rate.failed("a")
    now.seconds += rate.wait_seconds("a")
    assert rate.wait_seconds("a") == 0


def test_memory_is_bounded_however_many_fail():
    rate = FailureRate(3, now=Steady())
    for number in range(MOST_KEYS + 500):
        rate.failed(str(number))
    assert len(rate._failures) == MOST_KEYS
    assert rate.wait_seconds("0") == 0


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(st.tuples(st.floats(0, 90), st.booleans()), max_size=40), most=st.integers(1, 5))
def test_no_more_than_the_most_pass_within_a_minute(steps: list[tuple[float, bool]], most: int) -> None:
    now = Steady()
    rate = FailureRate(most, now=now)
    passed: list[float] = []
    for pause, _ in steps:
        now.seconds += pause
        if rate.wait_seconds("a") == 0:
            rate.failed("a")
            passed.append(now.seconds)
    for end in passed:
        assert sum(end - WINDOW_SECONDS < one <= end for one in passed) <= most
