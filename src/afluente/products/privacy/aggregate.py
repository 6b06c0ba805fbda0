"""The facts of an output added up in the engine: its finest cells, and whatever sets of them the gate asks about.

Invariant: rows of persons are read only inside the engine; what comes out is one row a cell, a set of cells or a
competitor's part of one. Keys are text, null is the empty text, so that a place or a dimension always has a name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa

from afluente.models.compile import spark_text
from afluente.models.parse import parse_query
from afluente.models.spark_types import SparkType, parse_type
from afluente.models.translate import translate
from afluente.runs.steps.model_step import column_types
from afluente.runs.steps.views import register_snapshot

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray

    from afluente.core.tables import TableName
    from afluente.engines.engine import Engine
    from afluente.project.product import Output, Segment
    from afluente.runs.steps.workspace import Workspace

    Integers = NDArray[np.int64]

FACTS = "gate_facts"
CELLS = "gate_cells"
SMALL = "gate_small"
SETS = "gate_sets"
PLACES = "gate_places"
MARKET = "gate_market"
NO_PERIOD = date(1, 1, 1)
_FRACTION = "DECIMAL(28, 6)"


@dataclass(frozen=True, slots=True)
class Keys:
    """The columns that tell one cell from another, as they are called in the engine."""

    places: tuple[str, ...]
    dimensions: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return ("period", *self.dimensions, *self.places)


class OutputFacts:
    """The facts of an output between two days, readable until it is left: use it in a `with`."""

    def __init__(
        self, workspace: Workspace, output: Output, *, version: int | None, days: tuple[date, date] | None
    ) -> None:
        self._workspace = workspace
        self._engine: Engine = workspace.engine
        self._output = output
        self._days = days
        self._small_is_there = False
        self._market_is_there = False
        table: TableName = output.facts
        self._snapshot = workspace.lake.snapshot(table, version)
        self.version = self._snapshot.version
        self._types = {name: parse_type(kind) for name, kind in column_types(self._snapshot.schema).items()}
        self.keys = Keys(
            tuple(f"place{number}" for number in range(len(output.places))),
            tuple(f"dimension{number}" for number in range(len(output.dimensions))),
        )
        summed = [measure.column for measure in output.measures if measure.aggregation == "sum"]
        self.amounts = {column: f"amount{number}" for number, column in enumerate(dict.fromkeys(summed))}
        different = [measure.column for measure in output.measures if measure.aggregation == "distinct"]
        others = [column for column in dict.fromkeys(different) if column != output.person]
        self.different = {column: f"different{number}" for number, column in enumerate(others)}

    def __enter__(self) -> Self:
        register_snapshot(self._engine, self._output.facts.view, self._snapshot)
        self._engine.materialise(FACTS, self._in_dialect(self._facts_sql()))
        self._engine.materialise(CELLS, self._cells_sql())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for view in (SETS, SMALL, PLACES, MARKET, CELLS, FACTS, self._output.facts.view):
            self._engine.drop(view)

    def cells(self) -> pa.Table:
        """One row a finest cell, sorted by period, dimensions and places: its keys, `persons`, `facts` and figures."""
        return self._engine.query(f"SELECT * FROM {CELLS} ORDER BY cell")

    def labels(self) -> dict[str, dict[str, str]]:
        """For each label column, the label of each value that it names; of several, the first in order."""
        found = {}
        for label, named in self._output.labels.items():
            sql = (
                f"SELECT {self._text(named)} AS named, min(CAST({quote_spark(label)} AS STRING)) AS label "
                f"FROM {self._output.facts} WHERE {self._filter()} GROUP BY {self._text(named)}"
            )
            answer = self._engine.query(self._in_dialect(sql))
            values = zip(answer.column("named").to_pylist(), answer.column("label").to_pylist(), strict=True)
            found[label] = {str(value): str(name) for value, name in values if name is not None}
        return found

    def count_persons(self, cells: Integers, sets: Integers, count: int, *, minimum_persons: int) -> Integers:
        """The different persons in each of `count` sets of cells that have fewer than `minimum_persons` each."""
        if not self._small_is_there:
            self._small_is_there = True
            self._engine.materialise(
                SMALL,
                f"SELECT c.cell, f.person FROM {FACTS} f JOIN {CELLS} c ON {self._same_keys()} "
                f"WHERE c.persons < {minimum_persons} AND f.person IS NOT NULL",
            )
        self._register(SETS, {"cell": cells, "number": sets})
        answer = self._engine.query(
            f"SELECT s.number, count(DISTINCT f.person) AS persons FROM {SMALL} f "
            f"JOIN {SETS} s ON s.cell = f.cell GROUP BY s.number"
        )
        persons = np.zeros(count, dtype=np.int64)
        persons[answer.column("number").to_numpy()] = answer.column("persons").to_numpy()
        return persons

    def figures(self, members: Mapping[int, Integers]) -> pa.Table:
        """For each numbered set of cells a row, by number: `number`, `persons`, `facts` and the figures of cells."""
        numbers = np.repeat(
            np.fromiter(members, dtype=np.int64, count=len(members)), [len(cells) for cells in members.values()]
        )
        self._register(SETS, {"cell": np.concatenate([*members.values(), _NONE]), "number": numbers})
        sums = "".join(f", {self._sum(column, name)} AS {name}" for column, name in self.amounts.items())
        counted = {"persons": "person", **{name: name for name in self.different.values()}}
        counts = "".join(f", count(DISTINCT f.{column}) AS {name}" for name, column in counted.items())
        added = (
            f"SELECT s.number, CAST(sum(facts) AS BIGINT) AS facts{sums} "
            f"FROM {CELLS} c JOIN {SETS} s ON s.cell = c.cell GROUP BY s.number"
        )
        different = (
            f"SELECT s.number{counts} FROM {FACTS} f JOIN {CELLS} c ON {self._same_keys()} "
            f"JOIN {SETS} s ON s.cell = c.cell GROUP BY s.number"
        )
        names = ", ".join([*(f"d.{name}" for name in counted), "a.facts", *(f"a.{n}" for n in self.amounts.values())])
        return self._engine.query(
            f"SELECT a.number, {names} FROM ({added}) a JOIN ({different}) d ON a.number = d.number ORDER BY a.number"
        )

    def market(self, segment: Segment, regions: pa.Table) -> pa.Table:
        """What a share is judged by, a row a region: `number`, `total`, `own`, `largest`, `others`, `smallest`.

        `regions` has a row for each place of a region: `number`, `period`, `segment` and `place`. Rows of every
        entity count, whatever the output's `where` keeps.
        """
        if not self._market_is_there:
            self._market_is_there = True
            self._engine.materialise(MARKET, self._in_dialect(self._market_sql(segment)))
        self._engine.register_arrow(PLACES, regions)
        return self._engine.query(
            "SELECT number, CAST(sum(amount) AS DOUBLE) AS total, "
            "CAST(sum(CASE WHEN is_own = 1 THEN amount ELSE 0 END) AS DOUBLE) AS own, "
            "CAST(coalesce(max(CASE WHEN is_own = 0 THEN amount END), 0) AS DOUBLE) AS largest, "
            "CAST(sum(CASE WHEN is_own = 0 AND amount > 0 THEN 1 ELSE 0 END) AS BIGINT) AS others, "
            "CAST(min(amount) AS DOUBLE) AS smallest "
            "FROM (SELECT p.number, m.entity, m.is_own, sum(m.amount) AS amount "
            f"FROM {MARKET} m JOIN {PLACES} p ON m.period = p.period AND m.segment = p.segment AND m.place = p.place "
            "GROUP BY p.number, m.entity, m.is_own) parts GROUP BY number ORDER BY number"
        )

    def _facts_sql(self) -> str:
        items = [f"{self._period()} AS period"]
        columns = (*self._output.dimensions, *self._output.places)
        names = (*self.keys.dimensions, *self.keys.places)
        items += [f"{self._text(column)} AS {name}" for column, name in zip(columns, names, strict=True)]
        items.append(f"{quote_spark(self._output.person)} AS person")
        items += [f"{self._amount(column)} AS {name}" for column, name in self.amounts.items()]
        items += [f"{quote_spark(column)} AS {name}" for column, name in self.different.items()]
        return f"SELECT {', '.join(items)} FROM {self._output.facts} WHERE {self._filter()}"

    def _market_sql(self, segment: Segment) -> str:
        place = self._text(self._output.places[0]) if self._output.places else "''"
        own = ", ".join(_literal(name) for name in segment.own)
        entity = self._text(segment.entity)
        return (
            "SELECT period, segment, place, entity, max(is_own) AS is_own, sum(amount) AS amount FROM ("
            f"SELECT {self._period()} AS period, {self._text(segment.column)} AS segment, {place} AS place, "
            f"{entity} AS entity, CASE WHEN {entity} IN ({own}) THEN 1 ELSE 0 END AS is_own, "
            f"{self._amount(segment.measure)} AS amount "
            f"FROM {self._output.facts} WHERE {self._within_days()}) AS sales GROUP BY period, segment, place, entity"
        )

    def _cells_sql(self) -> str:
        keys = ", ".join(self.keys.columns)
        figures = "".join(f", {self._sum(column, name)} AS {name}" for column, name in self.amounts.items())
        figures += "".join(f", count(DISTINCT {name}) AS {name}" for name in self.different.values())
        return (
            f"SELECT row_number() OVER (ORDER BY {keys}) - 1 AS cell, added.* FROM (SELECT {keys}, "
            f"count(DISTINCT person) AS persons, count(*) AS facts{figures} FROM {FACTS} GROUP BY {keys}) added"
        )

    def _same_keys(self) -> str:
        return " AND ".join(f"f.{key} = c.{key}" for key in self.keys.columns)

    def _sum(self, column: str, name: str) -> str:
        added = f"coalesce(sum({name}), 0)"
        return f"CAST({added} AS BIGINT)" if self._types[column].is_integral else added

    def _amount(self, column: str) -> str:
        """A number whose sum does not depend on the order it is added in."""
        kind: SparkType = self._types[column]
        name = quote_spark(column)
        if kind.is_integral:
            return f"CAST({name} AS BIGINT)"
        return name if kind.is_decimal else f"CAST({name} AS {_FRACTION})"

    def _text(self, column: str) -> str:
        return f"coalesce(CAST({quote_spark(column)} AS STRING), '')"

    def _period(self) -> str:
        if not self._output.period_column:
            return _day(NO_PERIOD)
        day = f"CAST({quote_spark(self._output.period_column)} AS DATE)"
        return day if self._output.grain == "day" else f"trunc({day}, 'MM')"

    def _filter(self) -> str:
        return f"({self._output.where}\n) AND {self._within_days()}" if self._output.where else self._within_days()

    def _within_days(self) -> str:
        if not self._output.period_column:
            return "true"
        day = f"CAST({quote_spark(self._output.period_column)} AS DATE)"
        if self._days is None:
            return f"{day} IS NOT NULL"
        first, last = self._days
        return f"{day} >= {_day(first)} AND {day} <= {_day(last)}"

    def _in_dialect(self, sql: str) -> str:
        tree = parse_query(sql, file=self._output.place.file)
        translation = translate(tree, {self._output.facts: self._types}, file=self._output.place.file)
        return translation.sql if self._engine.describe().dialect == "duckdb" else spark_text(sql, tree)

    def _register(self, view: str, columns: Mapping[str, Sequence[int] | Integers]) -> None:
        self._engine.register_arrow(view, pa.table({name: pa.array(values) for name, values in columns.items()}))


_NONE: Integers = np.array([], dtype=np.int64)


def quote_spark(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _day(day: date) -> str:
    return f"CAST('{day.isoformat()}' AS DATE)"


def _literal(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
