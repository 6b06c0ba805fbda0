"""A gold model as a frozen dataclass: one SELECT in Spark SQL and its settings. Nothing here opens a file."""

from __future__ import annotations

from dataclasses import dataclass

from afluente.core.errors import Place
from afluente.core.tables import TableName
from afluente.project.contract import Classification


@dataclass(frozen=True, slots=True)
class ModelColumn:
    """A declared output column. `type` is a Spark SQL type; the output is cast to it."""

    name: str
    type: str
    description: str = ""
    classification: Classification = "internal"


@dataclass(frozen=True, slots=True)
class Incremental:
    """Only partitions touched since the last run are made again.

    `time_column` is an output column, `source` the table whose new rows tell which partitions changed and
    `source_column` the expression there (Spark SQL) whose value is that of `time_column`. `lookback` more
    partitions before each are made again for rows that come late.
    """

    time_column: str
    source: TableName
    source_column: str
    lookback: int = 0
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One gold table. `sql` is the SELECT as written, `sql_line` the line of the file it starts at."""

    table: TableName
    sql: str
    sql_line: int
    place: Place
    columns: tuple[ModelColumn, ...]
    partition_by: tuple[str, ...] = ()
    incremental: Incremental | None = None
    owner: str = ""
    description: str = ""
    text_sha256: str = ""
