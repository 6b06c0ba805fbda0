"""The finest cells of the facts that any region told of can tell apart.

Invariant: an atom lies wholly inside or wholly outside every region it was read for, so that a region's figure is the
sum of its atoms'. Persons are codes that mean nothing outside one `Atoms`, and are never written anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from afluente.core.errors import RunError

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.core.tables import TableName
    from afluente.products.privacy.region import Region, Told
    from afluente.runs.steps.workspace import Workspace

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Axis:
    """A column of the atoms as codes into its distinct values as text; null is the empty text."""

    values: tuple[str, ...]
    codes: Ints

    def index(self) -> dict[str, int]:
        return {value: code for code, value in enumerate(self.values)}


@dataclass(frozen=True, slots=True)
class Atoms:
    """Columns of one length. `days` holds proleptic ordinals by period column, the first of the month when `by_month`.

    `persons` counts different persons, up to `counted_persons`: an atom of at least so many says so many. Of an atom
    of fewer, `person_codes[person_starts[i]:person_starts[i + 1]]` are the persons, so that unions are counted exactly.
    """

    facts: str
    rows: Ints
    days: Mapping[str, Ints]
    axes: Mapping[str, Axis]
    wheres: Mapping[str, Bools]
    sums: Mapping[str, Floats]
    distincts: Mapping[str, Floats]
    person: str
    persons: Ints
    person_starts: Ints
    person_codes: Ints
    counted_persons: int
    by_month: bool = False
    version: int = -1

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Reading:
    """Which columns, predicates and days the atoms of some regions need. Everything is sorted."""

    facts: str
    wheres: tuple[str, ...]
    periods: tuple[str, ...]
    axes: tuple[tuple[str, tuple[str, ...]], ...]
    sums: tuple[str, ...]
    distincts: tuple[str, ...]
    first: date
    last: date
    by_month: bool
    is_dated: bool

    def keys(self) -> list[str]:
        """The select list of what tells atoms apart, as Spark SQL over the facts, each with an alias; never empty.

        A column that only some predicates' regions look at is null in rows outside of them: they need not be told
        apart by it.
        """
        listed = []
        for at, column in enumerate(self.periods):
            day = f"CAST({quoted(column)} AS DATE)"
            start = f"CAST(trunc({day}, 'MM') AS DATE)" if self.by_month else day
            listed.append(f"{start} AS day_{at}")
        for at, (column, wheres) in enumerate(self.axes):
            text = f"coalesce(CAST({quoted(column)} AS STRING), '')"
            seen = text if "" in wheres else f"CASE WHEN {any_of(wheres)} THEN {text} ELSE '' END"
            listed.append(f"{seen} AS axis_{at}")
        listed.extend(f"coalesce(({where}), false) AS where_{at}" for at, where in enumerate(self.wheres) if where)
        return listed or ["true AS where_0"]

    def names(self) -> list[str]:
        """The aliases of `keys`."""
        return [listed.rpartition(" AS ")[2] for listed in self.keys()]

    def within(self) -> str:
        """The condition on rows: in some region's days and predicate."""
        days = " OR ".join(
            f"CAST({quoted(column)} AS DATE) BETWEEN DATE '{self.first}' AND DATE '{self.last}'"
            for column in self.periods
        )
        kept = [f"({days})"] if self.is_dated else []
        kept += [] if "" in self.wheres else [f"({any_of(self.wheres)})"]
        return " AND ".join(kept) or "true"


def quoted(column: str) -> str:
    return "`" + column.replace("`", "``") + "`"


def any_of(wheres: Iterable[str]) -> str:
    return " OR ".join(f"coalesce(({where}), false)" for where in wheres)


def reading_of(told: Sequence[Told], *, facts: str, person: str) -> Reading:
    """What the atoms of everything told about `facts` need."""
    about = [one for one in told if one.region.facts == facts]
    if not about:
        raise RunError("privacy.nothing_told", f"nothing was told of {facts}", hint="audit what is about to be told")
    regions = list({id(one.region): one.region for one in about}.values())
    looks = {(*columns_of(region), region.where) for region in regions}
    looks |= {(one.entity, one.region.where) for one in about if one.entity}
    axes: dict[str, set[str]] = {}
    for *columns, where in looks:
        for column in columns:
            axes.setdefault(column, set()).add(where)
    spans = {(region.first, region.last) for region in regions}
    periods = {region.period_column for region in regions}
    figures = {(one.quantity, one.column) for one in about}
    return Reading(
        facts=facts,
        wheres=tuple(sorted({region.where for region in regions})),
        periods=tuple(sorted(periods - {""})),
        is_dated="" not in periods,
        axes=tuple((column, tuple(sorted(wheres))) for column, wheres in sorted(axes.items())),
        sums=tuple(sorted({column for quantity, column in figures if quantity in ("sum", "share")})),
        distincts=tuple(sorted({column for quantity, column in figures if quantity == "distinct"} - {person})),
        first=min(first for first, _ in spans),
        last=max(last for _, last in spans),
        by_month=all(is_of_months(*span) for span in spans),
    )


def columns_of(region: Region) -> list[str]:
    """The columns a region's places and dimensions stand in."""
    return [*([region.place_column] if region.places else []), *(column for column, _ in region.dimensions)]


def is_of_months(first: date, last: date) -> bool:
    return first.day == 1 and (last == date.max or (last + timedelta(days=1)).day == 1)


def by_person(reading: Reading, person: str) -> str:
    """One row for each atom and person, as Spark SQL: `person`, `n` rows, the sums and the distinct counts."""
    columns = sorted({*reading.sums, *reading.distincts})
    inner = [*reading.keys(), f"{quoted(person)} AS person" if person else "'' AS person"]
    inner += [f"{quoted(column)} AS value_{at}" for at, column in enumerate(columns)]
    totals = [f"sum(value_{columns.index(column)}) AS sum_{at}" for at, column in enumerate(reading.sums)]
    totals += [
        f"count(DISTINCT value_{columns.index(column)}) AS distinct_{at}" for at, column in enumerate(reading.distincts)
    ]
    keys = ", ".join([*reading.names(), "person"])
    return (
        f"SELECT {', '.join([keys, 'count(*) AS n', *totals])} FROM"
        f" (SELECT {', '.join(inner)} FROM {reading.facts} WHERE {reading.within()}) AS facts GROUP BY {keys}"
    )


def by_atom(reading: Reading, person: str, counted_persons: int) -> str:
    """One row for each atom, as Spark SQL; `members` are its persons when there are fewer than `counted_persons`."""
    keys = ", ".join(reading.names())
    persons = "count(person)" if person else "sum(n)"
    members = "sort_array(collect_list(person))"
    totals = [f"CAST(sum(sum_{at}) AS DOUBLE) AS sum_{at}" for at in range(len(reading.sums))]
    totals += [f"CAST(sum(distinct_{at}) AS DOUBLE) AS distinct_{at}" for at in range(len(reading.distincts))]
    listed = [
        keys,
        "CAST(sum(n) AS BIGINT) AS n",
        f"CAST({persons} AS BIGINT) AS persons",
        f"CASE WHEN count(person) < {counted_persons} THEN {members} END AS members",
        *totals,
    ]
    return f"SELECT {', '.join(listed)} FROM ({by_person(reading, person)}) AS people GROUP BY {keys} ORDER BY {keys}"


def read_atoms(
    workspace: Workspace,
    told: Sequence[Told],
    *,
    person: str,
    at: Mapping[TableName, int],
    facts: str = "",
    counted_persons: int = 20,
) -> Atoms:
    """The atoms of everything told about `facts` (by default those of the last told) at the pinned version in `at`."""
    reading = reading_of(told, facts=facts or told[-1].region.facts, person=person)
    return atoms_of(workspace, reading, person=person, at=at, counted_persons=counted_persons)


def atoms_of(
    workspace: Workspace, reading: Reading, *, person: str, at: Mapping[TableName, int], counted_persons: int
) -> Atoms:
    """The atoms of a reading.

    `person` is the column whose different values are counted; without one every row counts as a person of its own.
    `counted_persons` is at least the k of every policy that the atoms will be audited by.
    """
    from afluente.core.tables import TableName
    from afluente.runs.steps.query import ask

    table = TableName.parse(reading.facts)
    pinned = {table: at[table]} if table in at else {}
    found = ask(workspace, by_atom(reading, person, counted_persons), at=pinned).read_all()
    return _atoms(found, reading, person=person, counted_persons=counted_persons, version=at.get(table, -1))


def keys_of(found: pa.Table, reading: Reading) -> tuple[dict[str, Ints], dict[str, Axis], dict[str, Bools]]:
    """The days, axes and predicates of rows that were selected by `Reading.keys`."""
    days = {
        column: np.asarray(found[f"day_{at}"].cast("int32").fill_null(-_EPOCH), dtype=np.int64) + _EPOCH
        for at, column in enumerate(reading.periods)
    }
    axes = {column: _axis(found[f"axis_{at}"]) for at, (column, _) in enumerate(reading.axes)}
    wheres = {
        where: np.asarray(found[f"where_{at}"], dtype=np.bool_) if where else np.ones(len(found), dtype=np.bool_)
        for at, where in enumerate(reading.wheres)
    }
    return days, axes, wheres


def _axis(column: pa.ChunkedArray) -> Axis:
    coded = column.combine_chunks().dictionary_encode()
    return Axis(tuple(coded.dictionary.to_pylist()), np.asarray(coded.indices, dtype=np.int64))


def _atoms(found: pa.Table, reading: Reading, *, person: str, counted_persons: int, version: int) -> Atoms:
    import pyarrow.compute as pc

    days, axes, wheres = keys_of(found, reading)
    persons = np.asarray(found["persons"], dtype=np.int64)
    if person:
        members = found["members"].combine_chunks()
        lengths = np.asarray(pc.fill_null(pc.list_value_length(members), 0), dtype=np.int64)
        codes = np.asarray(members.flatten().dictionary_encode().indices, dtype=np.int64)
    else:
        lengths = np.where(persons < counted_persons, persons, 0)
        codes = np.arange(lengths.sum(), dtype=np.int64)
    return Atoms(
        facts=reading.facts,
        rows=np.asarray(found["n"], dtype=np.int64),
        days=days,
        axes=axes,
        wheres=wheres,
        sums={column: _floats(found[f"sum_{at}"]) for at, column in enumerate(reading.sums)},
        distincts={column: _floats(found[f"distinct_{at}"]) for at, column in enumerate(reading.distincts)},
        person=person,
        persons=np.minimum(persons, counted_persons),
        person_starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        person_codes=codes,
        counted_persons=counted_persons,
        by_month=reading.by_month,
        version=version,
    )


def _floats(column: pa.ChunkedArray) -> Floats:
    return np.nan_to_num(np.asarray(column.fill_null(0.0), dtype=np.float64))
