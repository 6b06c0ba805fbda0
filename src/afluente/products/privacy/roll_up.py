"""Small cells merged into coarser places until each row that is told is of enough persons and cannot be unmasked.

Invariant: rows are disjoint sets of cells of one group (a period and its dimensions); each has at least the minimum of
persons; a row of a coarser place has at least two cells, and no small cell makes up nearly all of it. What cannot be
so is in no row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Floats = NDArray[np.float64]
    CountPersons = Callable[[Integers, Integers, int], Integers]

HIDDEN = -1
LARGEST_ABSORBED = 0.25
"""The greatest part of a place's told persons that may lose its own row to cover a small neighbour."""


@dataclass(frozen=True, slots=True)
class CellPlaces:
    """The cells of an output, by position. `ancestors` holds, from the second level to the whole, codes of the
    coarser places; `amounts` one array for each additive measure, in absolute value.
    """

    group: Integers
    ancestors: Sequence[Integers]
    persons: Integers
    amounts: Sequence[Floats] = ()

    def __len__(self) -> int:
        return len(self.group)


@dataclass(slots=True)
class RollUp:
    """Which row tells each cell. A cell told by itself is the row of its own number; rows of many have higher ones.

    `members` and `level` are of the rows of many only; level 0 is the finest place. `persons` of such a row is what
    its largest part has, at least.
    """

    cells: CellPlaces
    row_of: Integers
    members: dict[int, Integers] = field(default_factory=dict)
    levels: dict[int, int] = field(default_factory=dict)
    persons: dict[int, int] = field(default_factory=dict)
    next_row: int = 0

    def is_row(self, row: int) -> bool:
        return row in self.members or (row < len(self.cells) and int(self.row_of[row]) == row)

    def cells_of(self, row: int) -> Integers:
        return self.members[row] if row in self.members else np.array([row], dtype=np.int64)

    def level_of(self, row: int) -> int:
        return self.levels.get(row, 0)

    def persons_of(self, row: int) -> int:
        return self.persons[row] if row in self.persons else int(self.cells.persons[row])

    def merge(self, rows: Sequence[int], loose: Integers, *, level: int, persons: int = 0) -> int:
        """One row of these rows and of these cells that are in none; returns its number."""
        parts = [*(self.cells_of(row) for row in rows), loose]
        made, self.next_row = self.next_row, self.next_row + 1
        self.persons[made] = max([persons, *(self.persons_of(row) for row in rows)])
        for row in rows:
            for known in (self.members, self.levels, self.persons):
                known.pop(row, None)
        self.members[made] = np.sort(np.concatenate(parts))
        self.levels[made] = level
        self.row_of[self.members[made]] = made
        return made

    def hide(self, row: int) -> None:
        self.row_of[self.cells_of(row)] = HIDDEN
        for known in (self.members, self.levels, self.persons):
            known.pop(row, None)

    def rows_beside(self, row: int, level: int) -> list[int]:
        """The other rows of the group that lie in the row's place of this level, the smallest first."""
        first = int(self.cells_of(row)[0])
        within = self.cells.group == self.cells.group[first]
        ancestor = self.cells.ancestors[level - 1]
        within &= ancestor == ancestor[first]
        rows = {int(other) for other in np.unique(self.row_of[within])} - {HIDDEN, row}
        inside = [other for other in rows if self.level_of(other) <= level]
        return sorted(inside, key=lambda other: (self.persons_of(other), other))


def roll_up(
    cells: CellPlaces, *, minimum_persons: int, protection_percent: float, count_persons: CountPersons
) -> RollUp:
    """The finest rows that may be told.

    `count_persons(cells, sets, number_of_sets)` counts the different persons in each of several sets of small cells.
    """
    numbers = np.arange(len(cells), dtype=np.int64)
    small = cells.persons < minimum_persons
    rolled = RollUp(cells, np.where(small, HIDDEN, numbers), next_row=len(cells))
    for level, ancestor in enumerate(cells.ancestors, start=1):
        pending = numbers[rolled.row_of == HIDDEN]
        if not len(pending):
            break
        key = cells.group * (int(ancestor.max()) + 1) + ancestor
        keys, sets = np.unique(key[pending], return_inverse=True)
        sets = sets.reshape(-1).astype(np.int64)
        persons = count_persons(pending, sets, len(keys))
        is_told = (persons >= minimum_persons) & _is_covered(cells, pending, sets, len(keys), protection_percent)
        order = np.argsort(sets, kind="stable")
        loose_sets = np.split(pending[order], np.cumsum(np.bincount(sets, minlength=len(keys)))[:-1])
        for number in np.flatnonzero(is_told):
            rolled.merge((), loose_sets[number], level=level, persons=int(persons[number]))
        failed = np.flatnonzero(~is_told)
        beside = _rows_by_key(rolled, key, keys[failed])
        is_whole = level == len(cells.ancestors)
        for number in failed:
            rows = beside.get(int(keys[number]), [])
            _absorb(rolled, rows, loose_sets[number], level, is_whole=is_whole, protection_percent=protection_percent)
    return rolled


def merge_up(rolled: RollUp, row: int) -> None:
    """Tell a row only as part of a larger one: with a neighbour in the nearest coarser place, else not at all."""
    for level in range(rolled.level_of(row), len(rolled.cells.ancestors) + 1):
        if level == 0:
            continue
        beside = rolled.rows_beside(row, level)
        if beside:
            merged = [other for other in beside if rolled.level_of(other) == level]
            rolled.merge([row, (merged or beside)[0]], np.array([], dtype=np.int64), level=level)
            return
    rolled.hide(row)


def _is_covered(
    cells: CellPlaces, members: Integers, sets: Integers, count: int, protection_percent: float
) -> NDArray[np.bool_]:
    """Whether each set has two cells at least and its total is well above each of them."""
    covered = np.bincount(sets, minlength=count) >= 2
    for amount in cells.amounts:
        total = np.bincount(sets, weights=amount[members], minlength=count)
        largest = np.zeros(count)
        np.maximum.at(largest, sets, amount[members])
        covered &= total >= (1 + protection_percent / 100) * largest
    return covered


def _rows_by_key(rolled: RollUp, key: Integers, wanted: Integers) -> dict[int, list[int]]:
    """The rows in each wanted group and place, the smallest first."""
    told = np.flatnonzero(np.isin(key, wanted) & (rolled.row_of != HIDDEN))
    found: dict[int, set[int]] = {}
    for place, row in zip(key[told].tolist(), rolled.row_of[told].tolist(), strict=True):
        found.setdefault(place, set()).add(row)
    return {place: sorted(rows, key=lambda row: (rolled.persons_of(row), row)) for place, rows in sorted(found.items())}


def _absorb(
    rolled: RollUp, rows: list[int], loose: Integers, level: int, *, is_whole: bool, protection_percent: float
) -> None:
    """Cover loose cells by the smallest row beside them, unless that costs more than leaving them to a coarser place."""
    if not rows:
        return
    together = sum(rolled.persons_of(row) for row in rows)
    taken: list[int] = []
    for row in rows:
        taken.append(row)
        if not is_whole and sum(rolled.persons_of(one) for one in taken) > LARGEST_ABSORBED * together:
            return
        members = np.concatenate([*(rolled.cells_of(one) for one in taken), loose])
        if _is_safe_together(rolled.cells, members, loose, protection_percent):
            rolled.merge(taken, loose, level=level)
            return


def _is_safe_together(cells: CellPlaces, members: Integers, loose: Integers, protection_percent: float) -> bool:
    return all(
        float(amount[members].sum()) >= (1 + protection_percent / 100) * float(amount[loose].max())
        for amount in cells.amounts
    )
