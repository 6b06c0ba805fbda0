"""Columns made coarser."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afluente.core.errors import Place
from afluente.products.privacy.generalise import levels
from afluente.project.product import Generalise

P = Place("p")
ZONE = "America/Sao_Paulo"


def told(values: pa.Array, way: Generalise | None) -> list[list[object]]:
    return [level.to_pylist() for level in levels(pa.chunked_array([values]), way, timezone=ZONE)]


def test_the_first_characters_one_less_each_time() -> None:
    assert told(pa.array(["01310100", "01", None]), Generalise("c", P, keep=3)) == [
        ["013", "01", None],
        ["01", "01", None],
        ["0", "0", None],
        [None, None, None],
    ]


def test_a_number_has_characters_too() -> None:
    assert told(pa.array([1310, None]), Generalise("c", P, keep=1)) == [["1", None], [None, None]]


def test_a_day_a_month_a_year() -> None:
    assert told(pa.array([date(2026, 2, 28), None]), Generalise("c", P, truncate="day")) == [
        ["2026-02-28", None],
        ["2026-02", None],
        ["2026", None],
        [None, None],
    ]
    assert told(pa.array([date(2026, 2, 28)]), Generalise("c", P, truncate="month")) == [["2026-02"], ["2026"], [None]]


def test_a_time_is_of_its_day_in_the_projects_time_zone() -> None:
    late = pa.array([datetime(2026, 3, 1, 1, 30, tzinfo=UTC)], pa.timestamp("us", tz="UTC"))

    assert told(late, Generalise("c", P, truncate="day"))[0] == ["2026-02-28"]


@pytest.mark.parametrize(
    ("values", "step", "expected"),
    [
        (pa.array([-11, -10, -1, 0, 9, 10, None]), 10.0, [-20, -10, -10, 0, 0, 10, None]),
        (pa.array([0.74, -0.1, None]), 0.5, [0.5, -0.5, None]),
        (pa.array([Decimal("19.99"), None]), 5.0, [15.0, None]),
        (pa.array([7]), 0.5, [7.0]),
    ],
)
def test_steps_of_a_number(values: pa.Array, step: float, expected: list[object]) -> None:
    assert told(values, Generalise("c", P, step=step)) == [expected, [None] * len(values)]


def test_without_a_way_it_is_told_as_it_is_or_not_at_all() -> None:
    assert told(pa.array([date(2026, 2, 28)]), None) == [[date(2026, 2, 28)], [None]]


@given(values=st.lists(st.text(max_size=8) | st.none(), max_size=8), keep=st.integers(1, 6))
def test_each_level_is_a_function_of_the_one_before(values: list[str | None], keep: int) -> None:
    made = told(pa.array(values, pa.string()), Generalise("c", P, keep=keep))

    for finer, coarser in zip(made, made[1:], strict=False):
        seen: dict[object, object] = {}
        assert all(seen.setdefault(one, other) == other for one, other in zip(finer, coarser, strict=True))
    assert made[-1] == [None] * len(values)
