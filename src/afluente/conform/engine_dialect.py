"""The dialect in which conform speaks to an engine."""

from __future__ import annotations

from afluente.conform.dialect import Dialect
from afluente.conform.duckdb_dialect import DuckDbDialect
from afluente.conform.spark_dialect import SparkDialect
from afluente.engines.engine import Engine


def dialect_of(engine: Engine) -> Dialect:
    """DuckDB's or Spark's, as the engine describes itself."""
    return DuckDbDialect() if engine.describe().dialect == "duckdb" else SparkDialect()
