"""Each model on two engines over the same sample of its inputs, and what differs between the answers.

Invariant: rows are compared as multisets, exactly but for the last digits of floating numbers; what is shown of a
row that differs are its keys and never a restricted column.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from afluente.core.errors import AfluenteError
from afluente.models.compile import compile_model
from afluente.models.graph import tables_read
from afluente.runs.steps.model_step import column_types
from afluente.runs.steps.views import register_snapshot

if TYPE_CHECKING:
    from afluente.core.tables import TableName
    from afluente.engines.engine import Engine
    from afluente.project.model import Model
from afluente.runs.steps.workspace import Workspace

RESTRICTED = ("direct_identifier", "quasi_identifier", "sensitive")
SHOWN = 3
_FLOAT_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Difference:
    """One model's comparison. `only_first` and `only_second` count rows the other engine did not give.

    `samples` are a few of them: which engine gave it, and the columns that may be shown. `error` is why it could not
    be compared.
    """

    table: TableName
    rows_first: int = 0
    rows_second: int = 0
    only_first: int = 0
    only_second: int = 0
    samples: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    error: str = ""

    @property
    def is_equal(self) -> bool:
        return not (self.only_first or self.only_second or self.error)


def sample(workspace: Workspace, engine: Engine, table: TableName, *, most_rows: int) -> pa.Table:
    """Rows of a table, the same ones at each call while its version stands."""
    snapshot = workspace.lake.snapshot(table)
    register_snapshot(engine, table.view, snapshot)
    rows = engine.query(f"SELECT * FROM {table.view} LIMIT {most_rows}")
    engine.drop(table.view)
    return rows.cast(snapshot.schema)


def compare(workspace: Workspace, model: Model, first: Engine, second: Engine, *, most_rows: int) -> Difference:
    """The model over samples of at most so many rows of each input, on both engines."""
    try:
        samples = {table: sample(workspace, first, table, most_rows=most_rows) for table in sorted(tables_read(model))}
        schemas = {table: column_types(rows.schema) for table, rows in samples.items()}
        answers = []
        for engine in (first, second):
            for table, rows in samples.items():
                engine.register_arrow(table.view, rows)
            compiled = compile_model(model, schemas, engine.describe().dialect, workspace.project.timezone)
            answers.append(engine.query(compiled.sql))
            for table in samples:
                engine.drop(table.view)
    except AfluenteError as error:
        return Difference(model.table, error=f"{error.code}: {error.message}")
    names = (first.describe().engine, second.describe().engine)
    return differences(model, answers[0], answers[1], names)


def differences(model: Model, first: pa.Table, second: pa.Table, engines: tuple[str, str]) -> Difference:
    """What two answers to a model do not share."""
    left, right = Counter(_rows(first)), Counter(_rows(second))
    only_left, only_right = left - right, right - left
    samples = [
        (engine, _shown(model, first.schema.names, row))
        for engine, only in zip(engines, (only_left, only_right), strict=True)
        for row in list(only)[:SHOWN]
    ]
    return Difference(
        model.table,
        rows_first=first.num_rows,
        rows_second=second.num_rows,
        only_first=only_left.total(),
        only_second=only_right.total(),
        samples=tuple(samples),
    )


def _rows(table: pa.Table) -> Iterable[tuple[str, ...]]:
    columns = [[_comparable(value) for value in column.to_pylist()] for column in table.columns]
    return zip(*columns, strict=True)


def _comparable(value: object) -> str:
    if isinstance(value, float):
        return f"{value + 0.0:.{_FLOAT_DIGITS}g}"
    if isinstance(value, dict):
        return repr({key: _comparable(item) for key, item in value.items()})
    if isinstance(value, list):
        return repr([_comparable(item) for item in value])
    return repr(value)


def _shown(model: Model, names: Sequence[str], row: Sequence[str]) -> tuple[tuple[str, str], ...]:
    classes = {column.name.lower(): column.classification for column in model.columns}
    return tuple(
        (name, value)
        for name, value in zip(names, row, strict=True)
        if classes.get(name.lower(), "internal") not in RESTRICTED
    )
