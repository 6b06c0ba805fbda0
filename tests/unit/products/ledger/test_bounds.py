"""Bounds against every vertex of the set of solutions, enumerated without any solver."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from afluente.products.privacy.audit import protected
from afluente.products.privacy.bounds import bound
from afluente.products.privacy.components import components
from afluente.products.privacy.ellipsoid import reach
from afluente.products.privacy.intervals import propagate
from afluente.products.privacy.system import Row, System, packed, system

TOLERANCE = 1e-5


@st.composite
def systems(draw: st.DrawFn) -> System:
    """Up to five unknowns in up to four rows, each row exact or an interval around the truth; every unknown bounded."""
    count = draw(st.integers(1, 5))
    truth = np.array(draw(st.lists(st.integers(0, 20), min_size=count, max_size=count)), dtype=np.float64)
    rows = [exact(range(count), truth)]
    for _ in range(draw(st.integers(0, 3))):
        members = sorted(draw(st.sets(st.integers(0, count - 1), min_size=1)))
        factors = np.array(
            draw(st.lists(st.sampled_from([1, 1, 1, -1, 2]), min_size=len(members), max_size=len(members)))
        )
        value = float(factors @ truth[members])
        wide = draw(st.sampled_from([0, 0, 0, 1, 5]))
        rows.append(Row(np.array(members), factors.astype(float), value - wide, value + wide, 0, is_exact=wide == 0))
    return system(truth, packed(rows))


def exact(members: object, truth: np.ndarray) -> Row:
    chosen = np.array(list(members))
    return Row(chosen, np.ones(len(chosen)), float(truth[chosen].sum()), float(truth[chosen].sum()), 0, is_exact=True)


def vertices(of: System) -> np.ndarray:
    """Every vertex: where as many constraints as unknowns hold with equality, and none is broken."""
    count = len(of.truth)
    dense = np.zeros((of.rows, count))
    dense[of.row_of_entry(), of.columns] = of.factors
    planes = np.concatenate([dense, dense, np.eye(count)])
    values = np.concatenate([of.lows, of.highs, of.floors])
    found = []
    for chosen in combinations(range(len(planes)), count):
        matrix = planes[list(chosen)]
        if abs(np.linalg.det(matrix)) < 1e-9:
            continue
        point = np.linalg.solve(matrix, values[list(chosen)])
        activity = dense @ point
        if (
            (point >= of.floors - 1e-7).all()
            and (activity >= of.lows - 1e-7).all()
            and (activity <= of.highs + 1e-7).all()
        ):
            found.append(point)
    return np.array(found)


def everything(of: System) -> np.ndarray:
    return np.ones(len(of.truth), dtype=np.bool_)


@settings(max_examples=60, deadline=None)
@given(systems())
def test_bounds_are_those_of_all_solutions(given_system: System) -> None:
    corners = vertices(given_system)
    found = bound(given_system, everything(given_system))
    assert np.allclose(found.low, corners.min(axis=0), atol=TOLERANCE)
    assert np.allclose(found.high, corners.max(axis=0), atol=TOLERANCE)


@settings(max_examples=60, deadline=None)
@given(systems(), st.sampled_from([0.0, 5.0, 10.0, 50.0]))
def test_a_cell_is_unsafe_exactly_when_its_outermost_bounds_are(given_system: System, percent: float) -> None:
    corners = vertices(given_system)
    low_enough, high_enough = protected(given_system.truth, percent)
    found = bound(given_system, everything(given_system), low_enough=low_enough, high_enough=high_enough)
    is_safe = (found.low <= low_enough) & (found.high >= high_enough)
    low, high = corners.min(axis=0), corners.max(axis=0)
    clearly_safe = (low <= low_enough - TOLERANCE * (given_system.truth > 0)) & (high >= high_enough + TOLERANCE)
    clearly_unsafe = (low > low_enough + TOLERANCE) | (high < high_enough - TOLERANCE)
    assert not (clearly_safe & ~is_safe).any()
    assert not (clearly_unsafe & is_safe).any()
    assert (found.low >= low - TOLERANCE).all() and (found.high <= high + TOLERANCE).all() or not is_safe.all()


@settings(max_examples=60, deadline=None)
@given(systems())
def test_the_truth_lies_inside_and_rows_alone_never_say_more_than_all_solutions(given_system: System) -> None:
    corners = vertices(given_system)
    outer = propagate(given_system)
    assert (outer.low <= corners.min(axis=0) + TOLERANCE).all() and (
        outer.high >= corners.max(axis=0) - TOLERANCE
    ).all()
    assert (outer.low <= given_system.truth).all() and (given_system.truth <= outer.high).all()


@settings(max_examples=60, deadline=None)
@given(systems())
def test_a_value_that_can_be_computed_is_never_safe(given_system: System) -> None:
    corners = vertices(given_system)
    low_enough, high_enough = protected(given_system.truth, 0.0)
    found = bound(given_system, everything(given_system), low_enough=low_enough, high_enough=high_enough)
    is_computed = corners.max(axis=0) - corners.min(axis=0) < 1e-7
    assert not (is_computed & (found.low <= low_enough) & (found.high >= high_enough)).any()


@given(st.lists(st.floats(0.01, 1e7), min_size=2, max_size=30), st.randoms(use_true_random=False))
@example([0.01, 1e7], __import__("random").Random(0))
def test_single_unknowns_left_of_an_equation_are_found_exactly_without_a_program(
    values: list[float], random: object
) -> None:
    """x0 + x1, x1 + x2, ... and one of them alone: each follows from the one before."""
    truth = np.array(values)
    rows = [exact((at, at + 1), truth) for at in range(len(values) - 1)]
    rows.append(exact([0], truth))
    random.shuffle(rows)
    found = bound(system(truth, packed(rows)), np.ones(len(truth), dtype=np.bool_))
    assert found.lps == 0
    assert np.array_equal(found.low, truth) and np.array_equal(found.high, truth)


def test_an_unknown_of_which_nothing_was_told_may_be_anything() -> None:
    truth = np.array([3.0, 4.0])
    found = bound(system(truth, packed([exact([0], truth)])), np.ones(2, dtype=np.bool_))
    assert (found.low[1], found.high[1]) == (0.0, np.inf)


def test_a_band_alone_bounds_a_total_on_both_sides_of_what_is_known() -> None:
    """10 are 20 to 25% of a total of 10 + x, so that x is 30 to 40."""
    truth = np.array([10.0, 35.0])
    both = np.array([0, 1])
    rows = [
        exact([0], truth),
        Row(both, np.array([0.8, -0.2]), 0.0, np.inf, 0),
        Row(both, np.array([0.75, -0.25]), -np.inf, 0.0, 0),
    ]
    found = bound(system(truth, packed(rows)), np.array([False, True]))
    assert np.allclose([found.low[1], found.high[1]], [30.0, 40.0])


def test_an_unknown_without_an_upper_bound_in_several_rows_has_none() -> None:
    truth = np.array([5.0, 5.0])
    rows = [
        Row(np.array([0, 1]), np.array([1.0, -1.0]), 0.0, 0.0, 0),
        Row(np.array([0, 1]), np.ones(2), 2.0, np.inf, 0),
    ]
    found = bound(system(truth, packed(rows)), np.ones(2, dtype=np.bool_))
    assert np.allclose(found.low, 1.0) and np.isinf(found.high).all()


def test_a_table_with_its_margins_needs_far_fewer_programs_than_cells() -> None:
    random = np.random.default_rng(3)
    grid = random.lognormal(4, 1, (30, 20))
    truth = grid.ravel()
    at = np.arange(600).reshape(30, 20)
    rows = [exact(row, truth) for row in at] + [exact(column, truth) for column in at.T]
    low_enough, high_enough = protected(truth, 10.0)
    found = bound(
        system(truth, packed(rows)), np.ones(600, dtype=np.bool_), low_enough=low_enough, high_enough=high_enough
    )
    assert (found.low <= low_enough).all() and (found.high >= high_enough).all()
    assert found.lps < 60


@settings(max_examples=60, deadline=None)
@given(systems())
def test_what_the_ellipsoid_shows_lies_between_the_outermost_bounds(given_system: System) -> None:
    corners = vertices(given_system)
    for component in components(given_system, np.zeros(len(given_system.truth), dtype=np.bool_)):
        truth = given_system.truth[component.unknowns]
        moved = truth * reach(component, truth)
        assert (truth - moved >= corners.min(axis=0)[component.unknowns] - TOLERANCE).all()
        assert (truth + moved <= corners.max(axis=0)[component.unknowns] + TOLERANCE).all()


def test_a_share_of_at_least_all_leaves_nothing_to_the_others() -> None:
    """The lower end of the band is 1: the own part less once the total is not below 0, whatever the own part is."""
    whole = np.array([0, 1, 2])
    rows = [Row(whole, np.array([0.0, -1.0, -1.0]), 0.0, np.inf, 0), Row(whole[:1], np.zeros(1), 0.0, np.inf, 0)]
    with np.errstate(all="raise"):
        found = propagate(system(np.array([7.0, 0.0, 0.0]), packed(rows)))
    assert found.low.tolist() == [0.0, 0.0, 0.0]
    assert found.high.tolist() == [np.inf, 0.0, 0.0]
