"""How much of the data a roll-up leaves visible, by the level of the place it is told at.

Invariant: the shares of one measure add up to 1, what is hidden included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from afluente.products.privacy.gated import CELLS, Utility, Visible
from afluente.products.privacy.output_rows import level_name, levels_of_cells
from afluente.products.privacy.roll_up import HIDDEN, RollUp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from afluente.project.product import Output


def utility_of(output: Output, rolled: RollUp, measured: Mapping[str, NDArray[np.float64]], *, rows: int) -> Utility:
    """The shares of each measure (its amount in each cell) and of the cells themselves."""
    levels = levels_of_cells(rolled)
    weights = {**measured, CELLS: np.ones(len(levels))}
    shares = []
    for name, weight in weights.items():
        total = float(weight.sum())
        if not total:
            continue
        for level in range(HIDDEN, max(1, len(output.places) + 1)):
            share = float(weight[levels == level].sum()) / total
            shares.append(Visible(name, "" if level == HIDDEN else level_name(output, level), share))
    return Utility(tuple(shares), rows=rows, cells=len(levels))
