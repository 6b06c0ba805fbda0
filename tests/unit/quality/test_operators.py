"""Operators over exact numbers."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from afluente.conform.quality.operators import all_hold, holds, percent, threshold_text
from afluente.conform.quality.outcome import CannotExecute
from afluente.project.contract import Operator, Threshold


@pytest.mark.parametrize(
    ("operator", "threshold", "value", "is_met"),
    [
        ("mustBe", 0.1, Decimal("0.1"), True),
        ("mustBe", "10", 10, True),
        ("mustNotBe", 10, 10, False),
        ("mustBeGreaterThan", 10, 10, False),
        ("mustBeGreaterOrEqualTo", 10, 10, True),
        ("mustBeLessThan", 33.3, Fraction(100, 3), False),
        ("mustBeLessOrEqualTo", 10, 10, True),
        ("mustBeBetween", (1, 10), 1, True),
        ("mustBeBetween", (1, 10), 10, True),
        ("mustBeBetween", (1, 10), Decimal("10.0001"), False),
        ("mustNotBeBetween", (1, 10), 10, False),
        ("mustNotBeBetween", (1, 10), 0, True),
    ],
)
def test_an_operator_compares_exactly(
    operator: Operator, threshold: Threshold, value: int | Decimal | Fraction, is_met: bool
) -> None:
    assert holds(operator, threshold, value) is is_met


@pytest.mark.parametrize("threshold", ["muito", True, "", (1, 2)])
def test_a_threshold_that_is_no_number_cannot_be_executed(threshold: Threshold) -> None:
    with pytest.raises(CannotExecute):
        holds("mustBe", threshold, 1)


def test_every_operator_of_a_rule_must_hold_and_a_rule_without_one_cannot_be_executed() -> None:
    assert all_hold((("mustBeGreaterThan", 1), ("mustBeLessThan", 3)), 2)
    assert not all_hold((("mustBeGreaterThan", 1), ("mustBeLessThan", 2)), 2)
    with pytest.raises(CannotExecute):
        all_hold((), 2)


def test_a_percentage_is_exact_and_of_no_rows_zero() -> None:
    assert percent(1, 3) == Fraction(100, 3)
    assert percent(0, 0) == 0


def test_thresholds_are_told_as_people_write_them() -> None:
    assert (
        threshold_text((("mustBeLessOrEqualTo", 5), ("mustNotBeBetween", (1, 2.5))), "percent") == "≤ 5 %, ∉ [1, 2.5] %"
    )
