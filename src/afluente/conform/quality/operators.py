"""The operators of ODCS over exact numbers.

Invariant: a percentage is a fraction, never a rounded float; a percentage of no rows is 0; both ends of a `between`
belong to it.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import assert_never

from afluente.conform.quality.outcome import CannotExecute, Number
from afluente.project.contract import Operator, Scalar, Threshold

_SIGNS: dict[Operator, str] = {
    "mustBe": "=",
    "mustNotBe": "≠",
    "mustBeGreaterThan": ">",
    "mustBeGreaterOrEqualTo": "≥",
    "mustBeLessThan": "<",
    "mustBeLessOrEqualTo": "≤",
    "mustBeBetween": "∈",
    "mustNotBeBetween": "∉",
}


def percent(part: int, whole: int) -> Fraction:
    return Fraction(100 * part, whole) if whole else Fraction(0)


def holds(operator: Operator, threshold: Threshold, value: Number) -> bool:
    """Whether a measured value satisfies an operator; CannotExecute when the threshold is no number."""
    exact = Fraction(value)
    if isinstance(threshold, tuple):
        low, high = (_number(bound) for bound in threshold)
        match operator:
            case "mustBeBetween":
                return low <= exact <= high
            case "mustNotBeBetween":
                return not low <= exact <= high
            case _:
                raise _threshold_wrong(operator)
    limit = _number(threshold)
    match operator:
        case "mustBe":
            return exact == limit
        case "mustNotBe":
            return exact != limit
        case "mustBeGreaterThan":
            return exact > limit
        case "mustBeGreaterOrEqualTo":
            return exact >= limit
        case "mustBeLessThan":
            return exact < limit
        case "mustBeLessOrEqualTo":
            return exact <= limit
        case "mustBeBetween" | "mustNotBeBetween":
            raise _threshold_wrong(operator)
        case _:
            assert_never(operator)


def all_hold(checks: tuple[tuple[Operator, Threshold], ...], value: Number) -> bool:
    """Whether a value satisfies every operator of a rule; CannotExecute when there is none or a threshold is wrong."""
    if not checks:
        raise CannotExecute("a regra não tem operador (mustBe, ...)", "the rule has no operator (mustBe, ...)")
    verdicts = [holds(operator, threshold, value) for operator, threshold in checks]
    return all(verdicts)


def threshold_text(checks: tuple[tuple[Operator, Threshold], ...], unit: str) -> str:
    """The thresholds as people write them: `≤ 5 %`, `∈ [1, 10]`."""
    suffix = " %" if unit == "percent" else ""
    parts = []
    for operator, threshold in checks:
        shown = f"[{threshold[0]:g}, {threshold[1]:g}]" if isinstance(threshold, tuple) else str(threshold)
        parts.append(f"{_SIGNS[operator]} {shown}{suffix}")
    return ", ".join(parts)


def _number(threshold: Scalar) -> Fraction:
    if isinstance(threshold, bool):
        raise _no_number()
    try:
        return Fraction(Decimal(str(threshold)))
    except (InvalidOperation, ValueError, OverflowError):
        raise _no_number() from None


def _no_number() -> CannotExecute:
    return CannotExecute("o limite não é um número", "the threshold is not a number")


def _threshold_wrong(operator: Operator) -> CannotExecute:
    return CannotExecute(
        f"{operator} não combina com esse limite (between pede dois números)",
        f"{operator} does not take this threshold (between takes two numbers)",
    )
