"""Everything told about some facts, in terms of the classes of atoms that it sets apart.

Invariant: a figure about to be told is the sum of its region's atoms, or nothing is audited at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from afluente.core.errors import RunError
from afluente.products.privacy.atoms import Atoms, Floats, Ints
from afluente.products.privacy.membership import Classes, Part, classes
from afluente.products.privacy.system import Row

if TYPE_CHECKING:
    from afluente.products.privacy.region import Told

_RELATIVE = 1e-6
Column = tuple[str, str]
"""What is added up (`sum`, `count`, or `distinct` of something else than persons) and of which column."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """`part_of` is each told's part, `own_part_of` a share's part of own entities (-1 for others); the parts after the
    first `said` are small cells of which nothing was said by itself.
    """

    atoms: Atoms
    told: tuple[Told, ...]
    classes: Classes
    part_of: Ints
    own_part_of: Ints
    said: int

    def columns(self) -> list[Column]:
        """The additive columns told of, sorted."""
        found = {self._column(one) for one in self.told}
        return sorted(column for column in found if column != ("distinct", self.atoms.person))

    def totals(self, column: Column) -> Floats:
        """The true value of each class."""
        return self.classes.total(_values(self.atoms, column))

    def rows(self, column: Column) -> list[Row]:
        """What was told of a column, one row or two for each region and bound."""
        rows = []
        seen: set[tuple[int, float, float]] = set()
        ones = np.ones(int(np.diff(self.classes.parts.starts).max(initial=1)))
        additive = column[0] != "distinct" or self._adds_up(column)
        for at, one in enumerate(self.told):
            mark = (int(self.part_of[at]), one.low, one.high)
            if self._column(one) != column or (one.quantity != "share" and mark in seen):
                continue
            seen.add(mark)
            cells = self.classes.parts.of(int(self.part_of[at]))
            if not len(cells):
                continue
            if one.quantity == "share":
                rows.extend(self._band(one, at, cells))
            elif additive:
                rows.append(Row(cells, ones[: len(cells)], one.low, one.high, at, is_exact=one.low == one.high))
            else:
                rows.append(Row(cells, ones[: len(cells)], one.low, np.inf, at))
                rows.extend(Row(cell[None], ones[:1], -np.inf, one.high, at) for cell in cells)
        return rows

    def small_cells(self) -> list[Ints]:
        """The classes of each small cell that is made of several, each once."""
        found = [self.classes.parts.of(part) for part in range(self.said, len(self.classes.parts))]
        return list({cells.tobytes(): cells for cells in found if len(cells) > 1}.values())

    def told_small(self, person: str, small: int) -> list[int]:
        """The told that count fewer persons than the minimum."""
        return [
            at
            for at, one in enumerate(self.told)
            if one.quantity == "distinct"
            and one.column == person
            and one.high < small
            and len(self.classes.parts.of(int(self.part_of[at])))
        ]

    def _column(self, one: Told) -> Column:
        return ("sum" if one.quantity == "share" else one.quantity, "" if one.quantity == "count" else one.column)

    def _adds_up(self, column: Column) -> bool:
        """Whether distinct values of a column other than the person never lie in two cells told of (order numbers):
        then the partner may take their counts as additive.
        """
        totals = self.totals(column)
        return all(
            abs(totals[self.classes.parts.of(int(self.part_of[at]))].sum() - one.high) < 0.5
            for at, one in enumerate(self.told)
            if self._column(one) == column
        )

    def _band(self, one: Told, at: int, cells: Ints) -> list[Row]:
        """The own part less a share of the total: below 0 at the band's upper end and above at its lower one."""
        is_own = np.isin(cells, self.classes.parts.of(int(self.own_part_of[at]))).astype(np.float64)
        rows = []
        if one.low > 0:
            rows.append(Row(cells, is_own - one.low, 0.0, np.inf, at))
        if one.high < 1:
            rows.append(Row(cells, is_own - one.high, -np.inf, 0.0, at))
        return rows


def knowledge_of(atoms: Atoms, told: Sequence[Told], *, small: int) -> Knowledge:
    """What was told of the atoms' facts; RunError `privacy.told_differs` when a figure about to be told is not so."""
    about = tuple(one for one in told if one.region.facts == atoms.facts)
    numbers: dict[Part, int] = {}
    part_of, own_part_of = [], []
    for one in about:
        part_of.append(numbers.setdefault(Part(one.region), len(numbers)))
        own = Part(one.region, one.entity, one.own)
        own_part_of.append(numbers.setdefault(own, len(numbers)) if one.quantity == "share" else -1)
    known = Knowledge(
        atoms,
        about,
        classes(atoms, list(numbers), small=small),
        np.array(part_of, dtype=np.int64),
        np.array(own_part_of, dtype=np.int64),
        len(numbers),
    )
    _check(known)
    return known


def _values(atoms: Atoms, column: Column) -> Floats | Ints:
    match column[0]:
        case "sum":
            return atoms.sums[column[1]]
        case "count":
            return atoms.rows
        case _:
            return atoms.distincts[column[1]]


def _check(known: Knowledge) -> None:
    totals = {column: known.totals(column) for column in known.columns() if column[0] != "distinct"}
    for at, one in enumerate(known.told):
        is_new = one.position == 0 and one.version == known.atoms.version
        if not is_new or one.quantity not in ("sum", "count"):
            continue
        cells = known.classes.parts.of(int(known.part_of[at]))
        value = totals["sum" if one.quantity == "sum" else "count", one.column if one.quantity == "sum" else ""]
        figure = float(value[cells].sum())
        slack = _RELATIVE * max(1.0, abs(figure), float(len(cells)))
        if not one.low - slack <= figure <= one.high + slack:
            raise RunError(
                "privacy.told_differs",
                f"output {one.output}: a figure of '{one.column or 'rows'}' is not that of its region in {one.region.facts}",
                hint="release from the version of the facts that the audit reads",
            )
