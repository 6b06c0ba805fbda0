"""Which atoms lie in which regions, and the classes of atoms that no region tells apart.

Invariant: two atoms are of one class exactly when they lie in the same parts, so that a class is one unknown. Parts
are what was told, and the small cells beside it that were left unsaid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from afluente.products.privacy.atoms import Atoms, Axis, Bools, Floats, Ints, columns_of

if TYPE_CHECKING:
    from afluente.products.privacy.region import Region

_SEED = 20_260_101
_NONE = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """A region, or of one only the rows whose `entity` is one of `own`."""

    region: Region
    entity: str = ""
    own: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Incidence:
    """Pairs (part, cell) sorted by part: the cells of part p are `cells[starts[p]:starts[p + 1]]`."""

    starts: Ints
    cells: Ints

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, part: int) -> Ints:
        return self.cells[self.starts[part] : self.starts[part + 1]]

    def owners(self) -> Ints:
        """The part of each pair."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def sizes(self) -> Ints:
        """How many cells each part has."""
        return np.diff(self.starts)

    def sums(self, values: Floats) -> Floats:
        """The sum of the cells' values over each part."""
        return np.bincount(self.owners(), weights=values[self.cells], minlength=len(self)).astype(np.float64)

    def picked(self, parts: Ints) -> Incidence:
        """These parts alone, in this order."""
        lengths = self.sizes()[parts]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return Incidence(starts, self.cells[spread(self.starts[parts], lengths)])


@dataclass(frozen=True, slots=True)
class Classes:
    """`of_atom` is each atom's class, -1 when no part holds it; `parts` are the classes of each part.

    `persons` counts different persons of each class exactly up to `Atoms.counted_persons`, and is no less from there.
    The persons of class c that are known one by one are `members.of(c)`.
    """

    of_atom: Ints
    count: int
    parts: Incidence
    persons: Ints
    members: Incidence

    def total(self, values: Floats | Ints) -> Floats:
        """The sum of an atoms' column over each class."""
        held = self.of_atom >= 0
        return np.bincount(self.of_atom[held], weights=values[held], minlength=self.count).astype(np.float64)

    def persons_together(self, groups: Ints, cells: Ints, count: int) -> Ints:
        """How many different persons each of `count` groups of classes has at least; exactly so where its classes'
        are known one by one. `groups[i]` is the group of `cells[i]`.
        """
        known = self.members.picked(cells)
        width = int(self.members.cells.max(initial=0)) + 1
        pairs = _different(groups[known.owners()] * width + known.cells)
        persons = np.bincount(pairs // width, minlength=count).astype(np.int64)
        np.maximum.at(persons, groups, self.persons[cells])
        return persons

    def are_fewer(self, cells: Ints, small: int) -> bool:
        """Whether these classes have fewer than `small` different persons together."""
        if int(self.persons[cells].max(initial=0)) >= small:
            return False
        different: set[int] = set()
        for cell in cells.tolist():
            different.update(self.members.of(cell).tolist())
            if len(different) >= small:
                return False
        return True


def classes(atoms: Atoms, parts: Sequence[Part], *, small: int = 0) -> Classes:
    """The classes of atoms that the parts do not tell apart, and the classes in each part.

    With `small`, what is left unsaid beside the parts is set apart too: every cell of fewer than `small` persons that
    has the days, the predicate and the columns of some part is one more part, after the given ones.
    """
    days = _Days(atoms)
    shapes = _shapes(parts)
    told = _incidence(atoms, parts, shapes, days)
    unsaid = _small_cells(atoms, parts, shapes if small else (), days, small)
    owner = np.concatenate([told.owners(), unsaid.owners() + len(told)])
    cells = np.concatenate([told.cells, unsaid.cells])
    count_parts = len(told) + len(unsaid)
    marks = np.random.default_rng(_SEED).integers(1, 2**63, size=count_parts, dtype=np.uint64)
    signatures = np.zeros(len(atoms), dtype=np.uint64)
    np.add.at(signatures, cells, marks[owner])
    inside = np.zeros(len(atoms), dtype=np.bool_)
    inside[cells] = True
    chosen = np.flatnonzero(inside)
    _, first, inverse = np.unique(signatures[chosen], return_index=True, return_inverse=True)
    of_atom = np.full(len(atoms), -1, dtype=np.int64)
    of_atom[chosen] = inverse
    is_first = np.zeros(len(atoms), dtype=np.bool_)
    is_first[chosen[first]] = True
    kept = is_first[cells]
    within = _compressed(owner[kept], of_atom[cells[kept]], count_parts)
    persons, members = _persons(atoms, chosen, inverse, len(first))
    return Classes(of_atom, len(first), within, persons, members)


def incidence(atoms: Atoms, parts: Sequence[Part]) -> Incidence:
    """The atoms of each part."""
    return _incidence(atoms, parts, _shapes(parts), _Days(atoms))


def matching(region: Region, days: Mapping[str, Ints], axes: Mapping[str, Axis], wheres: Mapping[str, Bools]) -> Bools:
    """Which of some rows, given by their days, values and predicates, lie in one region."""
    inside = wheres[region.where].copy()
    if region.period_column:
        ordinals = days[region.period_column]
        inside &= (ordinals >= region.first.toordinal()) & (ordinals <= region.last.toordinal())
    if region.places:
        index = axes[region.place_column].index()
        codes = [index[place] for place in region.places if place in index]
        inside &= np.isin(axes[region.place_column].codes, codes)
    for column, value in region.dimensions:
        inside &= axes[column].codes == axes[column].index().get(value, -1)
    return inside


def spread(starts: Ints, lengths: Ints) -> Ints:
    """The positions `starts[i]` to `starts[i] + lengths[i]`, one stretch after another."""
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.repeat(starts, lengths) + within


def is_own(atoms: Atoms, entity: str, own: Sequence[str]) -> Bools:
    """Which atoms are of the partner's own entities."""
    axis = atoms.axes[entity]
    index = axis.index()
    return np.isin(axis.codes, [index[value] for value in own if value in index])


class _Days:
    """The atoms in the order of each period column, to find those between two days."""

    def __init__(self, atoms: Atoms) -> None:
        self._wheres = atoms.wheres
        self._all = np.arange(len(atoms))
        self._order = {column: np.argsort(days, kind="stable") for column, days in atoms.days.items()}
        self._days = {column: atoms.days[column][order] for column, order in self._order.items()}

    def within(self, region: Region) -> Ints:
        """The atoms of a region's days and predicate."""
        near = self._all
        if region.period_column:
            days = self._days[region.period_column]
            low = np.searchsorted(days, region.first.toordinal(), side="left")
            high = np.searchsorted(days, region.last.toordinal(), side="right")
            near = self._order[region.period_column][low:high]
        return near[self._wheres[region.where][near]]


def _shapes(parts: Sequence[Part]) -> list[list[int]]:
    """Parts of the same days, predicate and columns together."""
    shapes: dict[tuple[object, ...], list[int]] = {}
    for at, part in enumerate(parts):
        region = part.region
        shape = (region.period_column, region.first, region.last, region.where, bool(region.places))
        shapes.setdefault((*shape, *columns_of(region)), []).append(at)
    return list(shapes.values())


def _incidence(atoms: Atoms, parts: Sequence[Part], shapes: Sequence[Sequence[int]], days: _Days) -> Incidence:
    found_parts, found_atoms = [_NONE], [_NONE]
    indexes = {column: axis.index() for column, axis in atoms.axes.items()}
    for shape in shapes:
        region = parts[shape[0]].region
        near = days.within(region)
        owners, keys = _part_keys(parts, shape, indexes)
        matched_parts, matched_atoms = _matched(owners, keys, near, _atom_keys(atoms, region, near))
        found_parts.append(matched_parts)
        found_atoms.append(matched_atoms)
    owners, cells = np.concatenate(found_parts), np.concatenate(found_atoms)
    kept = _is_of_entity(owners, cells, atoms, parts)
    return _compressed(owners[kept], cells[kept], len(parts))


def _small_cells(
    atoms: Atoms, parts: Sequence[Part], shapes: Sequence[Sequence[int]], days: _Days, small: int
) -> Incidence:
    """The atoms of each cell of fewer than `small` persons that has the days, predicate and columns of some part."""
    owners, members, count = [_NONE], [_NONE], 0
    for shape in shapes:
        region = parts[shape[0]].region
        near = days.within(region)
        _, cell = np.unique(_atom_keys(atoms, region, near), return_inverse=True)
        persons, _ = _persons(atoms, near, cell, int(cell.max(initial=-1)) + 1)
        is_small = persons < small
        kept = is_small[cell]
        owners.append((np.cumsum(is_small) - 1)[cell[kept]] + count)
        members.append(near[kept])
        count += int(is_small.sum())
    return _compressed(np.concatenate(owners), np.concatenate(members), count)


def _persons(atoms: Atoms, chosen: Ints, group: Ints, count: int) -> tuple[Ints, Incidence]:
    """How many different persons each group of the chosen atoms has, and those known one by one."""
    lengths = np.diff(atoms.person_starts)[chosen]
    owner = np.repeat(group, lengths)
    codes = atoms.person_codes[spread(atoms.person_starts[chosen], lengths)]
    width = int(atoms.person_codes.max(initial=0)) + 1
    pairs = _different(owner * width + codes)
    counted = np.bincount(pairs // width, minlength=count).astype(np.int64)
    largest = np.zeros(count, dtype=np.int64)
    np.maximum.at(largest, group, atoms.persons[chosen])
    members = Incidence(np.concatenate([[0], np.cumsum(counted)]).astype(np.int64), pairs % width)
    return np.minimum(np.maximum(counted, largest), atoms.counted_persons), members


def _different(codes: Ints) -> Ints:
    """Each code once, sorted; codes are not negative."""
    ordered = np.sort(codes)
    return ordered[np.diff(ordered, prepend=-1) > 0]


def _part_keys(
    parts: Sequence[Part], shape: Sequence[int], indexes: Mapping[str, Mapping[str, int]]
) -> tuple[Ints, Ints]:
    """(part, key) for every place of parts of one shape; a value that no atom has gives no key."""
    owners: list[int] = []
    keys: list[int] = []
    for at in shape:
        region = parts[at].region
        key = 0
        for column, value in region.dimensions:
            code = indexes[column].get(value, -1)
            key = -1 if code < 0 or key < 0 else key * len(indexes[column]) + code
        if key < 0:
            continue
        if not region.places:
            owners.append(at)
            keys.append(key)
            continue
        index = indexes[region.place_column]
        codes = [index[place] for place in set(region.places) if place in index]
        owners.extend([at] * len(codes))
        keys.extend(key * len(index) + code for code in codes)
    return np.array(owners, dtype=np.int64), np.array(keys, dtype=np.int64)


def _atom_keys(atoms: Atoms, region: Region, near: Ints) -> Ints:
    """One number for each atom's values of the region's columns, the same as `_part_keys` gives."""
    keys = np.zeros(len(near), dtype=np.int64)
    for column in [*(column for column, _ in region.dimensions), *([region.place_column] if region.places else [])]:
        axis = atoms.axes[column]
        keys = keys * len(axis.values) + axis.codes[near]
    return keys


def _matched(owners: Ints, keys: Ints, near: Ints, near_keys: Ints) -> tuple[Ints, Ints]:
    """The pairs (owner, atom) of equal keys."""
    order = np.argsort(near_keys, kind="stable")
    ordered = near_keys[order]
    low = np.searchsorted(ordered, keys, side="left")
    lengths = np.searchsorted(ordered, keys, side="right") - low
    return np.repeat(owners, lengths), near[order[spread(low, lengths)]]


def _is_of_entity(owners: Ints, cells: Ints, atoms: Atoms, parts: Sequence[Part]) -> Bools:
    """Which pairs stay when a part is of own entities only."""
    kept = np.ones(len(owners), dtype=np.bool_)
    limited: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for at, part in enumerate(parts):
        if part.entity:
            limited.setdefault((part.entity, part.own), []).append(at)
    for (entity, own), members in limited.items():
        is_limited = np.zeros(len(parts), dtype=np.bool_)
        is_limited[members] = True
        kept &= ~is_limited[owners] | is_own(atoms, entity, own)[cells]
    return kept


def _compressed(owners: Ints, cells: Ints, count: int) -> Incidence:
    order = np.lexsort((cells, owners))
    starts = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=count))]).astype(np.int64)
    return Incidence(starts, cells[order].astype(np.int64))
