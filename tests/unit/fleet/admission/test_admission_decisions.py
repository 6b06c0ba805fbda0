from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.fleet.activity import ActiveHours
from afluente.fleet.slots import Crowd, Granted, SlotSettings, Waiting, daily_time, decide
from afluente.fleet.window import Window, WindowSettings, observe

NOW = datetime(2026, 9, 1, 11, tzinfo=UTC)
LATENCIES = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(st.tuples(LATENCIES, st.booleans()), max_size=200))
def test_the_window_stays_within_its_bounds_whatever_is_measured(measured: list[tuple[float, bool]]) -> None:
    bounds = WindowSettings()
    window = Window(bounds.first)
    for latency, is_idle in measured:
        window = observe(window, latency, is_idle=is_idle, settings=bounds)
        assert bounds.least <= window.limit <= bounds.most
        assert 0 < window.baseline_ms < 1e6
        assert window.slots >= 1


@given(st.floats(1, 200), st.integers(0, 30))
def test_the_window_grows_at_rest_and_closes_under_strain(rest: float, steps: int) -> None:
    bounds = WindowSettings()
    window = Window(bounds.first)
    for _ in range(20):
        window = observe(window, rest, is_idle=True, settings=bounds)
    assert window.limit > bounds.first
    before = window
    for _ in range(steps + 1):
        window = observe(window, rest * 5 + 10, is_idle=False, settings=bounds)
        assert window.limit <= before.limit
    assert window.limit < before.limit


def test_our_own_load_does_not_become_the_baseline() -> None:
    bounds = WindowSettings()
    window = Window(8, 2, 2)
    for _ in range(1000):
        window = observe(window, 50, is_idle=False, settings=bounds)
    assert window.baseline_ms == 2
    assert window.limit == bounds.least


def test_a_database_that_became_slower_for_good_is_learned_at_rest() -> None:
    bounds = WindowSettings()
    window = Window(8, 2, 2)
    for _ in range(1000):
        window = observe(window, 6, is_idle=True, settings=bounds)
    assert 5 < window.baseline_ms < 7
    assert window.limit == bounds.most


@given(
    st.integers(0, 100), st.integers(0, 100), st.integers(0, 100), st.integers(1, 64), st.floats(0, 1, exclude_max=True)
)
def test_no_slot_is_given_beyond_the_limit(held: int, due: int, protected: int, limit: int, chance: float) -> None:
    decision = decide(
        "s", None, Crowd(held, due, protected, due + protected), limit=limit, now=NOW, remaining=timedelta(hours=3),
        chance=chance, typical_seconds=5, settings=SlotSettings(),
    )  # fmt: skip
    if isinstance(decision, Granted):
        assert held < limit
    else:
        wait = (decision.reserved_for - NOW).total_seconds()
        assert SlotSettings().least_wait_seconds <= wait <= SlotSettings().longest_wait_seconds + 1


def test_a_site_that_comes_before_its_moment_keeps_its_reservation() -> None:
    own = Waiting("s", NOW, NOW + timedelta(seconds=30), 2)
    decision = decide(
        "s", own, Crowd(5, 0, 0, 3), limit=5, now=NOW + timedelta(seconds=1), remaining=timedelta(hours=3),
        chance=0.5, typical_seconds=5, settings=SlotSettings(),
    )  # fmt: skip
    assert decision == own


def test_a_site_that_is_soon_off_waits_less_than_one_that_stays_on() -> None:
    def wait(remaining: timedelta) -> float:
        decision = decide(
            "s", None, Crowd(5, 0, 0, 300), limit=5, now=NOW, remaining=remaining,
            chance=0.5, typical_seconds=5, settings=SlotSettings(),
        )  # fmt: skip
        assert isinstance(decision, Waiting)
        return (decision.reserved_for - NOW).total_seconds()

    assert wait(timedelta(minutes=20)) < wait(timedelta(hours=6)) < wait(timedelta(hours=12))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(5, 60), st.integers(1, 30))
def test_nobody_starves_while_newcomers_keep_coming(seed: int, limit: int, sites: int, hold: int) -> None:
    """Newcomers come as fast as slots end; each of the first sites is served all the same."""
    chance = random.Random(seed)
    bounds = SlotSettings(protected_after=3)
    queue: dict[str, Waiting] = {}
    slots: dict[str, datetime] = {}
    asks = {f"first{i}": NOW + timedelta(seconds=chance.randrange(20)) for i in range(sites)}
    served: set[str] = set()
    now, newcomers = NOW, 0
    for _ in range(60 * 60):
        now += timedelta(seconds=1)
        slots = {site: until for site, until in slots.items() if until > now}
        newcomers += 1
        asks[f"new{newcomers}"] = now
        due = sorted((site for site, at in asks.items() if at <= now), key=lambda _: chance.random())
        for site in due:
            own = queue.get(site)
            before = [
                w for w in queue.values() if w.site != site and (own is None or w.waiting_since < own.waiting_since)
            ]
            alive = [w for w in before if w.reserved_for > now - timedelta(seconds=bounds.lapse_seconds)]
            protected = [w for w in alive if w.turned_away >= bounds.protected_after]
            in_grace = [w for w in alive if w not in protected and now - timedelta(seconds=3) < w.reserved_for <= now]
            decision = decide(
                site, own, Crowd(len(slots), len(in_grace), len(protected), len(alive)), limit=limit, now=now,
                remaining=timedelta(hours=5), chance=chance.random(), typical_seconds=hold, settings=bounds,
            )  # fmt: skip
            if isinstance(decision, Granted):
                queue.pop(site, None)
                del asks[site]
                slots[site] = now + timedelta(seconds=hold)
                served.add(site)
            else:
                queue[site] = decision
                asks[site] = decision.reserved_for
            assert len(slots) <= limit
        if all(f"first{i}" in served for i in range(sites)):
            return
    assert False, f"starved: {sorted(f'first{i}' for i in range(sites) if f'first{i}' not in served)}"


EIGHT = ActiveHours("America/Sao_Paulo", {24 + 8: 5.0})
DAY = ActiveHours("America/Sao_Paulo", {24 + hour: 5.0 for hour in range(7, 18)})


def test_the_daily_moments_of_many_sites_are_spread_over_their_own_hours() -> None:
    tuesday = date(2026, 9, 1)
    moments = [daily_time(DAY, f"site{i}", tuesday) for i in range(1100)]
    assert {m.hour for m in moments if m} == set(range(7, 18))
    assert max(sum(m is not None and m.hour == hour for m in moments) for hour in range(24)) < 160
    eight = [daily_time(EIGHT, f"site{i}", tuesday) for i in range(300)]
    assert {m.hour for m in eight if m} == {8}
    assert len({m.minute for m in eight if m}) > 50
    assert daily_time(EIGHT, "site1", tuesday) == daily_time(EIGHT, "site1", tuesday)
    assert daily_time(EIGHT, "site1", date(2026, 9, 2)) is None


def test_the_time_a_site_stays_on_is_told_from_its_hours() -> None:
    at = datetime(2026, 9, 1, 10, 30, tzinfo=UTC)
    assert DAY.remaining(at, most=timedelta(hours=24)) == timedelta(hours=10, minutes=30)
    assert EIGHT.remaining(at) == timedelta()
    assert ActiveHours("UTC", {}).remaining(at) == timedelta(hours=12)
    always = ActiveHours("UTC", dict.fromkeys(range(168), 1.0))
    assert always.remaining(at) == timedelta(hours=12)
    nowhere = ActiveHours("No/Where", {1: 1.0})
    assert nowhere.remaining(datetime(2026, 8, 31, 1, 30, tzinfo=UTC)) == timedelta(minutes=30)
