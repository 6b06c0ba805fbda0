"""What the rules of one table are evaluated on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from afluente.conform.dialect import Dialect
from afluente.conform.quality.outcome import CannotExecute
from afluente.core.nearest import did_you_mean
from afluente.engines.engine import Engine
from afluente.project.contract import Contract

Translate = Callable[[str], str]
"""Turns a whole Spark SQL query into the engine's dialect; raises AfluenteError when it cannot."""


@dataclass(frozen=True, slots=True)
class Target:
    """A view with its schema and its rows counted once. `translate` is None when nobody gave a translation."""

    contract: Contract
    view: str
    engine: Engine
    dialect: Dialect
    schema: pa.Schema
    rows_total: int
    timezone: str
    now: datetime
    translate: Translate | None

    def kind(self, column: str) -> pa.DataType:
        """The column's type in the view; CannotExecute when it has no such column."""
        if column not in self.schema.names:
            hint = did_you_mean(column, self.schema.names)
            raise CannotExecute(f"a coluna '{column}' não existe", f"there is no column '{column}' ({hint})")
        return self.schema.field(column).type

    def native(self, spark_sql: str) -> str:
        """A Spark SQL query in the dialect of the engine."""
        if self.dialect.name == "spark":
            return spark_sql
        if self.translate is None:
            raise CannotExecute(
                "ninguém deu a tradução do Spark SQL para este motor",
                "no translation from Spark SQL to this engine was given",
            )
        return self.translate(spark_sql)
