"""How far each unknown can move from the truth inside the Dikin ellipsoid around it: solutions without a linear program.

With every unknown measured in units of its true value, the directions that keep all rows as they are form a subspace,
and of a step of length 1 in it no unknown falls below zero or grows past twice its value. The farthest that unknown i
gets is the length of the subspace's shadow on its axis, sqrt(P_ii) for the projection P onto it.
Source: Dikin, "Iterative solution of problems of linear and quadratic programming", 1967.

Invariant: each move reported is attained, both up and down, by a solution of every row; it is never the farthest there is.
"""

from __future__ import annotations

import numpy as np

from afluente.products.privacy.atoms import Floats
from afluente.products.privacy.components import Component

_MOST_ROWS = 400
_RIDGE = 1e-13
"""What keeps the rows' products invertible. Beside it rows keep their values to sqrt(_RIDGE) / 2 of their length."""
_LEAST = 1e-3
"""An unknown smaller than this part of a row it stands in is left to a linear program, as is one that moves less than
`_LEAST_MOVE` of itself: the ridge would blur them."""
_LEAST_MOVE = 1e-2


def reach(component: Component, truth: Floats) -> Floats:
    """How far each unknown of the component can move, as a part of its size; zeros where a program must tell."""
    rows = len(component.lows)
    if rows > _MOST_ROWS:
        return np.zeros(len(truth))
    owner = np.repeat(np.arange(rows), np.diff(component.starts))
    table = np.zeros((rows, len(truth)))
    table[owner, component.columns] = component.factors * truth[component.columns]
    lengths = np.sqrt((table**2).sum(axis=1))
    longest = np.zeros(len(truth))
    np.maximum.at(longest, component.columns, lengths[owner])
    table = table[lengths > 0] / lengths[lengths > 0, None]
    products = table @ table.T
    products[np.diag_indices_from(products)] += _RIDGE
    fixed = (table * np.linalg.solve(products, table)).sum(axis=0)
    moved: Floats = np.sqrt(np.clip(1.0 - fixed, 0.0, 1.0))
    moved[(np.abs(truth) <= _LEAST * longest) | (moved < _LEAST_MOVE)] = 0.0
    return moved
