"""GTIN at a glance: plain digits of the five lengths, and of the two that lost a leading zero."""

from __future__ import annotations

import numpy as np

from afluente.conform.glance.answer import Answers, by_forms
from afluente.conform.glance.block import Block, Flags
from afluente.conform.glance.form import Digits, Form

_FORMS = tuple(Form("9" * size) for size in (13, 14, 8, 12, 7, 11))
_IS_ROUND = np.arange(4096) % 10 == 0


def gtin(block: Block) -> Answers:
    return by_forms(block, _FORMS, _is_gtin, fewest=7)


def _is_gtin(digits: Digits) -> Flags:
    total = digits.total([1 if place % 2 == 0 else 3 for place in reversed(range(digits.form.size))])
    is_gtin: Flags = _IS_ROUND.take(total, mode="clip")
    is_gtin &= total != 0
    return is_gtin
