"""What a figure told again, or told anew in other pieces, says of the persons whose rows changed in between.

The difference of two figures of the same rows is the figure of what changed. Whenever the partner can take one, the
persons whose rows differ between the two versions of the facts must be none, or as many as the policy asks for.

Invariant: a version that can no longer be read counts as one in which too few persons changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from afluente.core.errors import LakeError
from afluente.products.privacy.atoms import Axis, Bools, Ints, by_person, keys_of, read_atoms, reading_of
from afluente.products.privacy.exposed import Exposed
from afluente.products.privacy.membership import Part, incidence, matching

if TYPE_CHECKING:
    from afluente.core.tables import TableName
    from afluente.products.privacy.region import Region, Told
    from afluente.runs.steps.workspace import Workspace

_RELATIVE = 1e-9
Figures = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class _Difference:
    """A region whose figure can be compared, and the pieces that were told of it before, each at a version."""

    region: Region
    columns: tuple[str, ...]
    pieces: tuple[tuple[Region, int], ...]
    sources: tuple[tuple[str, str], ...]


def correct(
    workspace: Workspace,
    before: Sequence[Told],
    after: Sequence[Told],
    *,
    person: str,
    minimum_persons: int,
    at: Mapping[TableName, int],
    facts: str = "",
) -> tuple[Exposed, ...]:
    """The regions whose figures, told before and to be told now at the version in `at`, differ by too few persons.

    Compared are figures of one region, a region told before with disjoint regions that make it up now, and the other
    way round. Without a `person` column every changed row counts as a person.
    """
    from afluente.core.tables import TableName

    facts = facts or (after[-1].region.facts if after else "")
    after = [one for one in after if one.region.facts == facts]
    version = at.get(TableName.parse(facts), -1) if facts else -1
    old = [one for one in before if one.region.facts == facts and one.version != version]
    if not old or not after:
        return ()
    near = [one for one in old if _overlaps(one, after)]
    if not near:
        return ()
    differences = list(_differences(workspace, near, after, person=person, at=at, facts=facts))
    changed = {
        piece_version: _Changed.between(
            workspace, [*near, *after], person, TableName.parse(facts), piece_version, version
        )
        for piece_version in sorted({piece_version for one in differences for _, piece_version in one.pieces})
    }
    found = []
    for one in differences:
        together: set[object] = set()
        is_lost = False
        for region, piece_version in one.pieces:
            rows = changed[piece_version]
            is_lost |= rows is None
            together |= rows.persons(region) if rows is not None else set()
        if is_lost or 0 < len(together) < minimum_persons:
            found.append(Exposed(one.region, one.columns, one.sources, is_correction=True))
    return tuple(sorted(found, key=lambda one: one.region))


def _overlaps(one: Told, after: Sequence[Told]) -> bool:
    first = min(other.region.first for other in after)
    last = max(other.region.last for other in after)
    return one.region.first <= last and one.region.last >= first


def _differences(
    workspace: Workspace,
    before: Sequence[Told],
    after: Sequence[Told],
    *,
    person: str,
    at: Mapping[TableName, int],
    facts: str,
) -> Iterator[_Difference]:
    new = _figures(after)
    by_version: dict[int, dict[Region, Figures]] = {}
    for version in sorted({one.version for one in before}):
        by_version[version] = _figures([one for one in before if one.version == version])
    latest: dict[Region, int] = {}
    for version, figures in by_version.items():
        latest.update(dict.fromkeys(figures, version))
    regions = list(dict.fromkeys([*new, *latest]))
    atoms = read_atoms(workspace, [*before, *after], person=person, at=at, facts=facts)
    held = incidence(atoms, [Part(region) for region in regions])
    cells = {region: held.of(number) for number, region in enumerate(regions)}
    covers = _Covers(cells)
    sources = {
        region: tuple(sorted({(one.release, one.output) for one in [*before, *after] if one.region == region}))
        for region in regions
    }

    def compared(
        region: Region, then: Figures, now: Figures, pieces: tuple[tuple[Region, int], ...]
    ) -> Iterator[_Difference]:
        if columns := _changed_columns(then, now):
            told = {source for piece, _ in pieces for source in sources[piece]} | set(sources[region])
            yield _Difference(region, columns, pieces, tuple(sorted(told)))

    for version, figures in by_version.items():
        for region, then in figures.items():
            if region in new:
                yield from compared(region, then, new[region], ((region, version),))
            elif pieces := covers.of(region, new):
                yield from compared(region, _sums(then), _added([new[piece] for piece in pieces]), ((region, version),))
    for region, now in new.items():
        others = {other: version for other, version in latest.items() if other != region}
        if pieces := covers.of(region, others):
            then = _added([by_version[latest[piece]][piece] for piece in pieces])
            yield from compared(region, then, _sums(now), tuple((piece, latest[piece]) for piece in pieces))


def _figures(told: Sequence[Told]) -> dict[Region, Figures]:
    """The exact figures told of each region, the last told of each."""
    found: dict[Region, dict[tuple[str, str], float]] = {}
    for one in told:
        if one.low == one.high:
            found.setdefault(one.region, {})[one.quantity, one.column] = one.low
    return dict(found)


def _sums(figures: Figures) -> Figures:
    return {key: value for key, value in figures.items() if key[0] in ("sum", "count")}


def _added(figures: Sequence[Figures]) -> Figures:
    """The additive figures that every piece has."""
    keys = set.intersection(*(set(_sums(one)) for one in figures))
    return {key: sum(one[key] for one in figures) for key in keys}


def _changed_columns(then: Figures, now: Figures) -> tuple[str, ...]:
    changed = (
        key
        for key in set(then) & set(now)
        if abs(then[key] - now[key]) > _RELATIVE * max(1.0, abs(then[key]), abs(now[key]))
    )
    return tuple(sorted(column or quantity for quantity, column in changed))


class _Covers:
    """Finds disjoint regions, of several, that make up another one."""

    def __init__(self, cells: Mapping[Region, Ints]) -> None:
        self._cells = cells
        self._of_cell: dict[int, list[Region]] = {}
        for region, members in cells.items():
            for cell in members.tolist():
                self._of_cell.setdefault(cell, []).append(region)

    def of(self, region: Region, among: Mapping[Region, object]) -> list[Region]:
        """Empty when there are none, or only the region itself."""
        left = set(self._cells[region].tolist())
        pieces: list[Region] = []
        near = {other for cell in left for other in self._of_cell[cell] if other in among and other != region}
        for other in sorted(near, key=lambda one: (-len(self._cells[one]), one)):
            members = set(self._cells[other].tolist())
            if members <= left:
                left -= members
                pieces.append(other)
        return pieces if not left else []


@dataclass(frozen=True, slots=True)
class _Changed:
    """The rows of one person in one atom that are not the same in two versions."""

    days: Mapping[str, Ints]
    axes: Mapping[str, Axis]
    wheres: Mapping[str, Bools]
    names: tuple[object, ...]

    @classmethod
    def between(
        cls, workspace: Workspace, told: Sequence[Told], person: str, table: TableName, old: int, new: int
    ) -> _Changed | None:
        """None when the old version can no longer be read."""
        import pyarrow as pa
        import pyarrow.compute as pc

        from afluente.runs.steps.query import ask

        reading = reading_of(told, facts=str(table), person=person)
        sql = by_person(reading, person)
        try:
            then = ask(workspace, sql, at={table: old}).read_all()
        except LakeError:
            return None
        now = ask(workspace, sql, at={table: new} if new >= 0 else {}).read_all()
        keys = [*reading.names(), "person"]
        amounts = [name for name in then.column_names if name not in keys]
        signed = []
        for rows, sign in ((then, -1.0), (now, 1.0)):
            values = {name: pc.multiply(pc.fill_null(rows[name].cast("double"), 0.0), sign) for name in amounts}
            signed.append(pa.table({**{name: rows[name] for name in keys}, **values}))
        added = pa.concat_tables(signed).group_by(keys).aggregate([(name, "sum") for name in amounts])
        is_changed = np.zeros(len(added), dtype=np.bool_)
        for name in amounts:
            is_changed |= np.abs(np.asarray(added[f"{name}_sum"])) > 1e-6
        kept = added.filter(pa.array(is_changed))
        if person:
            names = [name if name is not None else f"\0{at}" for at, name in enumerate(kept["person"].to_pylist())]
        else:
            names = [f"\0{at}" for at in range(len(kept))]
        return cls(*keys_of(kept, reading), tuple(names))

    def persons(self, region: Region) -> set[object]:
        """Who has rows in the region that changed. Those without a name count one by one."""
        inside = matching(region, self.days, self.axes, self.wheres)
        return {self.names[at] for at in np.flatnonzero(inside).tolist()}
