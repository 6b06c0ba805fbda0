"""What a glance says of each text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from afluente.conform.glance.block import Block, Bytes, Flags
from afluente.conform.glance.form import Digits, Form

Answers = Bytes
"""One of NO, YES and UNSURE a text."""

NO: Final = np.uint8(0)
YES: Final = np.uint8(1)
UNSURE: Final = np.uint8(2)

Glance = Callable[[Block], Answers]


def answers(block: Block, *, fewest: int) -> Answers:
    """Nothing said yet, but of texts of fewer bytes than any value has: these are none."""
    return np.where(block.sizes < fewest, NO, UNSURE)


def judge(block: Block, said: Answers, form: Form, verdict: Callable[[Digits], Flags | Answers]) -> None:
    """Answer for those rows of one form that nothing was said of yet."""
    rows = np.flatnonzero((block.sizes == form.size) & (said == UNSURE))
    if not rows.size:
        return
    digits = form.read(block, rows)
    said[rows] = np.where(digits.fits, verdict(digits), UNSURE)
