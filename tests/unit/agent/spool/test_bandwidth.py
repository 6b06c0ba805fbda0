"""No faster than allowed, and in pieces that fit the line."""

from __future__ import annotations

from afluente_agent.bandwidth import AIM_SECONDS, FIRST_CHUNK_BYTES, LEAST_CHUNK_BYTES, ChunkSize, TokenBucket
from hypothesis import given
from hypothesis import strategies as st
from tests.fleet_world.upload_world import Clocks


@given(
    rate=st.integers(1000, 10**6),
    sizes=st.lists(st.tuples(st.integers(1, 10**6), st.floats(0, 30)), min_size=1, max_size=30),
)
def test_over_any_stretch_no_more_leaves_than_the_rate_and_a_burst(rate: int, sizes: list[tuple[int, float]]) -> None:
    clock = Clocks(at=0.0)
    bucket = TokenBucket(rate, clock.now, clock.sleep)
    left: list[tuple[float, int]] = []
    for size, pause in sizes:
        bucket.take(size)
        left.append((clock.at, size))
        clock.at += pause
    for first in range(len(left)):
        for last in range(first, len(left)):
            stretch = left[last][0] - left[first][0]
            moved = sum(size for _, size in left[first : last + 1])
            assert moved <= stretch * rate + bucket.burst_bytes + left[last][1] + 1


def test_a_rate_is_reached_and_kept() -> None:
    clock = Clocks(at=0.0)
    bucket = TokenBucket(10_000, clock.now, clock.sleep)
    for _ in range(100):
        bucket.take(10_000)
    assert 97 <= clock.at <= 100


def test_no_limit_never_waits() -> None:
    clock = Clocks()
    TokenBucket(0, clock.now, clock.sleep).take(10**9)
    assert clock.slept == []


def test_chunks_grow_on_a_quick_line_up_to_their_bound() -> None:
    chunk = ChunkSize(1_000_000)
    for _ in range(10):
        chunk.sent(chunk.bytes_now, 0.1)
    assert chunk.bytes_now == 1_000_000


def test_chunks_fit_a_modem_of_56_kbit() -> None:
    chunk = ChunkSize(1_000_000)
    for _ in range(10):
        chunk.sent(chunk.bytes_now, chunk.bytes_now / 7000)
    assert abs(chunk.bytes_now / 7000 - AIM_SECONDS) < 1


def test_a_lost_chunk_halves_the_next_down_to_the_least() -> None:
    chunk = ChunkSize(1_000_000)
    chunk.lost()
    assert chunk.bytes_now == FIRST_CHUNK_BYTES // 2
    for _ in range(20):
        chunk.lost()
    assert chunk.bytes_now == LEAST_CHUNK_BYTES


@given(st.lists(st.one_of(st.none(), st.floats(0, 1000)), max_size=40), st.integers(1, 10**7))
def test_a_chunk_never_leaves_its_bounds(seconds: list[float | None], most: int) -> None:
    chunk = ChunkSize(most)
    for one in seconds:
        chunk.lost() if one is None else chunk.sent(chunk.bytes_now, one)
        assert LEAST_CHUNK_BYTES <= chunk.bytes_now <= max(most, LEAST_CHUNK_BYTES)
