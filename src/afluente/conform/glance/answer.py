"""What a glance says of each text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


def by_forms(
    block: Block, forms: Sequence[Form], verdict: Callable[[Digits], Flags | Answers], *, fewest: int
) -> Answers:
    """The verdict on the texts of each form in its turn, where nothing was said yet."""
    said = answers(block, fewest=fewest)
    for form in forms:
        rows = np.flatnonzero((block.sizes == form.size) & (said == UNSURE))
        if rows.size:
            digits = form.read(block, rows)
            said[rows] = np.where(digits.fits, verdict(digits), UNSURE)
    return said
