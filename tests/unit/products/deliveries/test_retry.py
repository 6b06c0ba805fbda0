"""When a failed delivery is tried again."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.products.deliveries.retry import LONGEST_ASKED_SECONDS, Backoff

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(first_seconds=30, factor=2, max_seconds=200, jitter=0)
    chance = random.Random(1)
    assert [backoff.wait_seconds(n, chance=chance) for n in range(1, 6)] == [30, 60, 120, 200, 200]


def test_the_last_attempt_has_no_next() -> None:
    backoff = Backoff(max_attempts=3, first_seconds=10, jitter=0)
    assert backoff.next_try(2, at=NOW, chance=random.Random(1)) == NOW + timedelta(seconds=20)
    assert backoff.next_try(3, at=NOW, chance=random.Random(1)) is None


def test_a_retry_after_is_honoured_but_not_for_ever() -> None:
    backoff = Backoff(first_seconds=10, jitter=0)
    chance = random.Random(1)
    assert backoff.wait_seconds(1, chance=chance, asked_seconds=500) == 500
    assert backoff.wait_seconds(1, chance=chance, asked_seconds=1) == 10
    assert backoff.wait_seconds(1, chance=chance, asked_seconds=1e9) == LONGEST_ASKED_SECONDS


@given(st.integers(1, 10_000), st.integers(0, 1000), st.none() | st.floats(0, 86_400))
@settings(max_examples=100)
def test_a_wait_stays_within_its_bounds(attempts: int, seed: int, asked: float | None) -> None:
    backoff = Backoff()
    waited = backoff.wait_seconds(attempts, chance=random.Random(seed), asked_seconds=asked)
    assert backoff.first_seconds * (1 - backoff.jitter) <= waited <= max(backoff.max_seconds, asked or 0)
    assert waited >= (asked or 0)
