"""Small cells merged into coarser places, on sets of persons alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from afluente.products.privacy.roll_up import HIDDEN, CellPlaces, RollUp, merge_up, roll_up
from hypothesis import given, settings
from hypothesis import strategies as st

K = 3


def rolled(
    places: Sequence[tuple[str, ...]], persons: Sequence[set[int]], groups: Sequence[int] | None = None
) -> RollUp:
    """Cells by their coarser places, the state first, and their persons; a place's code is its number in order."""
    levels = len(places[0]) if places else 0
    codes = []
    for level in range(levels):
        names = sorted({place[level:] for place in places})
        codes.append(np.array([names.index(place[level:]) for place in places], dtype=np.int64))
    codes.append(np.zeros(len(places), dtype=np.int64))
    counts = np.array([len(some) for some in persons], dtype=np.int64)
    cells = CellPlaces(np.array(groups or [0] * len(places), dtype=np.int64), codes, counts)

    def count_persons(members: np.ndarray, sets: np.ndarray, count: int) -> np.ndarray:
        unions: list[set[int]] = [set() for _ in range(count)]
        for member, number in zip(members.tolist(), sets.tolist(), strict=True):
            unions[number] |= persons[member]
        return np.array([len(union) for union in unions], dtype=np.int64)

    return roll_up(cells, minimum_persons=K, protection_percent=10, count_persons=count_persons)


def rows_of(made: RollUp) -> dict[tuple[int, ...], int]:
    numbers = sorted(set(made.row_of.tolist()) - {HIDDEN})
    return {tuple(np.flatnonzero(made.row_of == row).tolist()): made.level_of(row) for row in numbers}


def test_each_level_takes_what_the_finer_one_could_not_tell() -> None:
    places = [("SP", "SE"), ("SP", "SE"), ("RJ", "SE"), ("RJ", "SE"), ("AM", "N"), ("PA", "N"), ("MG", "SE")]
    persons = [{1, 2}, {3}, {4}, {4}, {5}, {6}, {7, 8, 9}]
    made = rolled([*places, ("ES", "SE")], [*persons, {10, 11}])
    assert rows_of(made) == {(0, 1): 1, (2, 3, 7): 2, (4, 5, 6): 3}


def test_groups_are_never_mixed() -> None:
    made = rolled([("SP",), ("SP",)], [{1, 2}, {3, 4}], groups=[0, 1])
    assert rows_of(made) == {}


def test_rows_are_merged_up_place_by_place_and_hidden_at_the_end() -> None:
    made = rolled([("SP",), ("SP",), ("RJ",)], [{1, 2, 3}, {4, 5, 6}, {7, 8, 9}])
    assert rows_of(made) == {(0,): 0, (1,): 0, (2,): 0}
    merge_up(made, 0)
    assert rows_of(made) == {(0, 1): 1, (2,): 0}
    merge_up(made, int(made.row_of[0]))
    assert rows_of(made) == {(0, 1, 2): 2}
    last = int(made.row_of[0])
    merge_up(made, last)
    assert rows_of(made) == {}
    assert not made.is_row(last)


@pytest.mark.parametrize("persons", [[], [set()]])
def test_nothing_to_tell_is_no_row(persons: list[set[int]]) -> None:
    assert rows_of(rolled([("SP",)] * len(persons), persons)) == {}


cell = st.tuples(
    st.integers(0, 2),
    st.sampled_from([("SP", "SE"), ("RJ", "SE"), ("AM", "N"), ("PA", "N")]),
    st.sets(st.integers(0, 30), min_size=1, max_size=6),
)


@given(cells=st.lists(cell, max_size=25), merged=st.lists(st.integers(0, 24), max_size=6))
@settings(max_examples=200, deadline=None)
def test_every_row_keeps_the_minimum_within_one_place_whatever_is_merged_up(
    cells: list[tuple[int, tuple[str, str], set[int]]], merged: list[int]
) -> None:
    made = rolled([place for _, place, _ in cells], [some for _, _, some in cells], [group for group, _, _ in cells])
    for number in merged:
        if number < len(cells) and made.row_of[number] != HIDDEN:
            merge_up(made, int(made.row_of[number]))
    for members, level in rows_of(made).items():
        assert len(set.union(*(cells[member][2] for member in members))) >= K
        assert len({cells[member][0] for member in members}) == 1
        assert (level == 0) == (len(members) == 1)
        if level < 3:
            assert len({cells[member][1][max(level - 1, 0) :] for member in members}) == 1
