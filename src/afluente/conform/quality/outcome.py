"""What came of one quality rule, and what a rule measured.

Invariant: one rule gives one outcome; a rule that could not be executed is `error`, never `passed`. Outcomes hold
counts and thresholds, never a value of a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from afluente.core.language import Message
from afluente.project.contract import Operator, QualityRule, Threshold

Status = Literal["passed", "failed", "error"]
Number = int | Decimal | Fraction


@dataclass(frozen=True, slots=True)
class Outcome:
    """`values` are what was measured, by name (`rows`, `percent`, `distinct`, `value`); `compared` names the one held
    against `threshold`. `text` is the message in the language asked for.
    """

    rule: QualityRule
    status: Status
    values: Mapping[str, float]
    compared: str
    threshold: str
    message: Message
    text: str
    rows_total: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a rule measured. `checks`, when there are any, stand in the place of the rule's own operators."""

    values: Mapping[str, Number]
    compared: str
    checks: tuple[tuple[Operator, Threshold], ...] = ()


class CannotExecute(Exception):
    """Why a rule cannot be executed here; it becomes the rule's outcome and never leaves this room."""

    def __init__(self, pt: str, en: str) -> None:
        super().__init__(en)
        self.reason = Message(pt, en)
