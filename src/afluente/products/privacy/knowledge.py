"""Everything told about some facts, in terms of the classes of atoms that it sets apart.

Invariant: a figure about to be told is the sum of its region's atoms, or nothing is audited at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from afluente.core.errors import RunError
from afluente.products.privacy.atoms import Atoms, Bools, Floats, Ints
from afluente.products.privacy.membership import Classes, Part, classes
from afluente.products.privacy.system import Row, Rows, joined, packed

if TYPE_CHECKING:
    from afluente.products.privacy.region import Told

_RELATIVE = 1e-6
Column = tuple[str, str]
"""What is added up (`sum`, `count`, or `distinct` of something else than persons) and of which column."""


@dataclass(frozen=True, slots=True)
class Statements:
    """What was told as arrays: `columns[column_of[i]]` and the bounds of the i-th, and which of them are shares."""

    columns: tuple[Column, ...]
    column_of: Ints
    lows: Floats
    highs: Floats
    is_share: Bools

    def of(self, column: Column) -> Bools:
        """Which are told of a column."""
        found: Bools = self.column_of == (self.columns.index(column) if column in self.columns else -1)
        return found


@dataclass(frozen=True, slots=True)
class Knowledge:
    """`part_of` is each told's part, `own_part_of` a share's part of own entities (-1 for others); the parts after the
    first `said` are small cells of which nothing was said by itself.
    """

    atoms: Atoms
    told: tuple[Told, ...]
    statements: Statements
    classes: Classes
    part_of: Ints
    own_part_of: Ints
    said: int

    def columns(self) -> list[Column]:
        """The additive columns told of, sorted."""
        return sorted(column for column in self.statements.columns if column != ("distinct", self.atoms.person))

    def totals(self, column: Column) -> Floats:
        """The true value of each class."""
        return self.classes.total(_values(self.atoms, column))

    def shares(self, column: Column) -> list[int]:
        """The told that are shares of a column."""
        return np.flatnonzero(self.statements.of(column) & self.statements.is_share).tolist()

    def rows(self, column: Column) -> Rows:
        """What was told of a column, one row or more for each region and bound: figures first, then shares."""
        parts = self.classes.parts
        figures = self._figures(column)
        cells = parts.picked(self.part_of[figures])
        lows, highs = self.statements.lows[figures], self.statements.highs[figures]
        if column[0] == "distinct" and not self._adds_up(column):
            each = np.repeat(np.arange(len(figures)), cells.sizes())
            whole = _rows(cells.starts, cells.cells, lows, np.full(len(figures), np.inf), figures)
            alone = np.arange(len(each) + 1)
            return joined(whole, _rows(alone, cells.cells, np.full(len(each), -np.inf), highs[each], figures[each]))
        told = _rows(cells.starts, cells.cells, lows, highs, figures, is_exact=lows == highs)
        bands = [row for at in self.shares(column) for row in self._band(at, parts.of(int(self.part_of[at])))]
        return joined(told, packed(bands))

    def small_cells(self) -> list[Ints]:
        """The classes of each small cell that is made of several, each once."""
        found = [self.classes.parts.of(part) for part in range(self.said, len(self.classes.parts))]
        return list({cells.tobytes(): cells for cells in found if len(cells) > 1}.values())

    def told_small(self, person: str, small: int) -> list[int]:
        """The told that count fewer persons than the minimum."""
        of_persons = self.statements.of(("distinct", person))
        is_there = self.classes.parts.sizes()[self.part_of] > 0
        return np.flatnonzero(of_persons & (self.statements.highs < small) & is_there).tolist()

    def _figures(self, column: Column) -> Ints:
        """The told that are figures of a column, each region and bound once, those of no class left out."""
        is_there = self.classes.parts.sizes()[self.part_of] > 0
        told = np.flatnonzero(self.statements.of(column) & ~self.statements.is_share & is_there)
        keys = (self.statements.highs[told], self.statements.lows[told], self.part_of[told])
        order = np.lexsort(keys)
        is_first = np.zeros(len(told), dtype=np.bool_)
        is_first[:1] = True
        for key in keys:
            is_first[1:] |= key[order[1:]] != key[order[:-1]]
        return np.sort(told[order[is_first]])

    def _adds_up(self, column: Column) -> bool:
        """Whether distinct values of a column other than the person never lie in two cells told of (order numbers):
        then the partner may take their counts as additive.
        """
        told = self.statements.of(column)
        sums = self.classes.parts.sums(self.totals(column))[self.part_of[told]]
        return bool((np.abs(sums - self.statements.highs[told]) < 0.5).all())

    def _band(self, at: int, cells: Ints) -> list[Row]:
        """The own part less a share of the total: below 0 at the band's upper end and above at its lower one."""
        if not len(cells):
            return []
        one = self.told[at]
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
    of_region: dict[int, int] = {}
    part_of, own_part_of = [], []
    for one in about:
        number = of_region.get(id(one.region))
        if number is None:
            number = of_region[id(one.region)] = numbers.setdefault(Part(one.region), len(numbers))
        part_of.append(number)
        is_share = one.quantity == "share"
        own_part_of.append(numbers.setdefault(Part(one.region, one.entity, one.own), len(numbers)) if is_share else -1)
    known = Knowledge(
        atoms,
        about,
        _statements(about),
        classes(atoms, list(numbers), small=small),
        np.array(part_of, dtype=np.int64),
        np.array(own_part_of, dtype=np.int64),
        len(numbers),
    )
    _check(known)
    return known


def _statements(about: Sequence[Told]) -> Statements:
    codes: dict[Column, int] = {}
    column_of = [codes.setdefault(_column(one), len(codes)) for one in about]
    return Statements(
        tuple(codes),
        np.array(column_of, dtype=np.int64),
        np.array([one.low for one in about], dtype=np.float64),
        np.array([one.high for one in about], dtype=np.float64),
        np.array([one.quantity == "share" for one in about], dtype=np.bool_),
    )


def _column(one: Told) -> Column:
    return ("sum" if one.quantity == "share" else one.quantity, "" if one.quantity == "count" else one.column)


def _rows(starts: Ints, cells: Ints, lows: Floats, highs: Floats, told: Ints, *, is_exact: Bools | None = None) -> Rows:
    """Rows that add up classes."""
    exact = np.zeros(len(lows), dtype=np.bool_) if is_exact is None else is_exact
    return Rows(starts, cells, np.ones(len(cells)), lows, highs, told, exact)


def _values(atoms: Atoms, column: Column) -> Floats | Ints:
    match column[0]:
        case "sum":
            return atoms.sums[column[1]]
        case "count":
            return atoms.rows
        case _:
            return atoms.distincts[column[1]]


def _check(known: Knowledge) -> None:
    told, sizes = known.statements, known.classes.parts.sizes()
    version = known.atoms.version
    is_new = np.array([one.position == 0 and one.version == version for one in known.told], dtype=np.bool_)
    for column in told.columns:
        if column[0] == "distinct":
            continue
        at = np.flatnonzero(is_new & told.of(column) & ~told.is_share)
        parts = known.part_of[at]
        figures = known.classes.parts.sums(known.totals(column))[parts]
        slack = _RELATIVE * np.maximum(np.maximum(1.0, np.abs(figures)), sizes[parts])
        is_so = (told.lows[at] - slack <= figures) & (figures <= told.highs[at] + slack)
        if not is_so.all():
            one = known.told[at[np.argmin(is_so)]]
            raise RunError(
                "privacy.told_differs",
                f"output {one.output}: a figure of '{one.column or 'rows'}' is not that of its region in {one.region.facts}",
                hint="release from the version of the facts that the audit reads",
            )
