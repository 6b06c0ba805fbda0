"""A hidden cell that was found to be bounded too closely, named for whoever must act on it.

Invariant: a name is made of days, places, dimensions, outputs and releases; no figure stands in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from afluente.products.privacy.atoms import Ints
from afluente.products.privacy.region import Region

if TYPE_CHECKING:
    from afluente.products.privacy.atoms import Atoms
    from afluente.products.privacy.gated import Finding
    from afluente.products.privacy.knowledge import Knowledge

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Exposed:
    """The cell as a region, the columns whose values it exposes, and the (release, output) pairs that combine to it.

    A release of empty text is the one about to be told. With `is_correction` it is what changed in the cell since it
    was told before that would be exposed.
    """

    region: Region
    columns: tuple[str, ...]
    sources: tuple[tuple[str, str], ...]
    is_correction: bool = False

    @property
    def cell(self) -> str:
        """`2026-05-01..2026-05-31 municipio=Acari produto=cola`."""
        region = self.region
        span = "" if region.first == region.last else f"..{region.last}"
        named = [f"{region.first}{span}"]
        if region.places:
            named.append(f"{region.place_column}={_few(region.places)}")
        return " ".join([*named, *(f"{column}={value}" for column, value in region.dimensions)])

    def finding(self) -> Finding:
        """What an operator reads; nobody may let it through."""
        from afluente.products.privacy.gated import Finding

        def told(new: str) -> str:
            return _few([f"{output} ({release or new})" for release, output in self.sources])

        columns = _few(self.columns)
        if self.is_correction:
            return Finding(
                "privacy.correction_exposed",
                f"{columns} de {self.cell} mudou desde {told('esta liberação')} por muito poucas pessoas",
                f"{columns} of {self.cell} changed since {told('this release')} by too few persons",
                self.cell,
            )
        return Finding(
            "privacy.cell_narrowed",
            f"a célula {self.cell} ficaria determinada demais em {columns}, por {told('esta liberação')} em conjunto",
            f"cell {self.cell} would be narrowed too far in {columns}, by {told('this release')} together",
            self.cell,
        )


def _few(names: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(names[:MOST_NAMED])
    return shown if len(names) <= MOST_NAMED else f"{shown} (+{len(names) - MOST_NAMED})"


class Naming:
    """Collects exposed cells as sets of classes, and names them at the end."""

    def __init__(self, atoms: Atoms, known: Knowledge) -> None:
        self._atoms = atoms
        self._known = known
        self._columns: dict[tuple[int, ...], set[str]] = {}

    def add(self, cells: Ints, column: str, quantity: str) -> None:
        """These classes together are exposed in a column."""
        self._columns.setdefault(tuple(sorted(cells.tolist())), set()).add(column or quantity)

    def exposed(self) -> tuple[Exposed, ...]:
        """What was added, sorted by region."""
        if not self._columns:
            return ()
        order = np.argsort(self._known.classes.of_atom, kind="stable")
        starts = np.searchsorted(self._known.classes.of_atom[order], np.arange(self._known.classes.count + 1))
        index = _Index(self._known)
        found = []
        for cells, columns in self._columns.items():
            atoms = np.concatenate([order[starts[cell] : starts[cell + 1]] for cell in cells])
            found.append(
                Exposed(self._region(atoms, index.around(cells)), tuple(sorted(columns)), index.sources(cells))
            )
        return tuple(sorted(found, key=lambda one: one.region))

    def _region(self, members: Ints, around: list[Region]) -> Region:
        """The smallest region by days, places and dimensions that holds these atoms."""
        atoms = self._atoms
        finest = min(around, key=lambda region: (region.last - region.first, -len(region.dimensions), region))
        first, last = finest.first, finest.last
        if finest.period_column:
            days = atoms.days[finest.period_column][members]
            first, last = date.fromordinal(int(days.min())), date.fromordinal(int(days.max()))
            if atoms.by_month:
                last = min((one.last for one in around if one.last >= last), default=last)
        place = next((region.place_column for region in around if region.places), "")
        dimensions = {column for region in around for column, _ in region.dimensions}
        return Region(
            atoms.facts,
            finest.where,
            first,
            last,
            finest.period_column,
            place,
            tuple(sorted(self._values(place, members))) if place else (),
            tuple(
                (column, values[0])
                for column in sorted(dimensions)
                if len(values := self._values(column, members)) == 1
            ),
        )

    def _values(self, column: str, members: Ints) -> list[str]:
        axis = self._atoms.axes[column]
        return [axis.values[code] for code in np.unique(axis.codes[members])]


class _Index:
    """The parts told of around each class."""

    def __init__(self, known: Knowledge) -> None:
        self._known = known
        parts = known.classes.parts
        ends = parts.starts[known.said]
        order = np.argsort(parts.cells[:ends], kind="stable")
        self._parts = parts.owners()[:ends][order]
        self._starts = np.searchsorted(parts.cells[:ends][order], np.arange(known.classes.count + 1))
        self._told: dict[int, list[int]] = {}
        for at, part in enumerate(known.part_of.tolist()):
            self._told.setdefault(part, []).append(at)

    def _of(self, cell: int) -> Ints:
        return self._parts[self._starts[cell] : self._starts[cell + 1]]

    def around(self, cells: tuple[int, ...]) -> list[Region]:
        """The regions told of that hold any of the classes."""
        parts = np.unique(np.concatenate([self._of(cell) for cell in cells]))
        return [self._known.told[self._told[part][0]].region for part in parts.tolist() if part in self._told]

    def sources(self, cells: tuple[int, ...]) -> tuple[tuple[str, str], ...]:
        """The (release, output) of everything told around the classes and around what is told together with them."""
        parts = {part for cell in cells for part in self._of(cell).tolist()}
        beside = {cell for part in parts for cell in self._known.classes.parts.of(part)[:MOST_NAMED].tolist()}
        parts |= {part for cell in beside for part in self._of(cell).tolist()}
        told = [self._known.told[at] for part in parts for at in self._told.get(part, ())]
        return tuple(sorted({(one.release, one.output) for one in told}))
