"""Frames of other libraries to Arrow and back. A library is known by what the caller already imported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar, cast

import pyarrow as pa

from afluente.core.errors import UsageError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl

Frame = TypeVar("Frame")


def to_arrow(data: object) -> pa.Table:
    """The rows of an Arrow table or reader, a DuckDB relation, a pandas or a Polars frame (lazy ones are collected)."""
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    if isinstance(data, pa.RecordBatchReader):
        return data.read_all()
    if is_of(data, "duckdb", "DuckDBPyRelation"):
        return cast("duckdb.DuckDBPyRelation", data).to_arrow_table()
    if is_of(data, "pandas", "DataFrame"):
        return _from_pandas(cast("pd.DataFrame", data))
    if is_of(data, "polars", "DataFrame"):
        return cast("pl.DataFrame", data).to_arrow()
    if is_of(data, "polars", "LazyFrame"):
        return cast("pl.LazyFrame", data).collect().to_arrow()
    raise UsageError(
        "conform.frame_unknown",
        f"a {type(data).__module__}.{type(data).__name__} is no frame that can be conformed",
        hint="give a DuckDB relation, an Arrow table, or a pandas or Polars frame",
    )


def from_arrow(table: pa.Table, like: Frame) -> Frame:
    """The table as the kind of frame `like` is."""
    if isinstance(like, pa.RecordBatch):
        return cast("Frame", table.combine_chunks().to_batches()[0] if table.num_rows else _empty_batch(table.schema))
    if isinstance(like, pa.RecordBatchReader):
        return cast("Frame", table.to_reader())
    if is_of(like, "duckdb", "DuckDBPyRelation"):
        return cast("Frame", relation(table, cast("duckdb.DuckDBPyRelation", like)))
    if is_of(like, "pandas", "DataFrame"):
        return cast("Frame", _to_pandas(table))
    if is_of(like, "polars", "DataFrame"):
        return cast("Frame", sys.modules["polars"].from_arrow(table))
    if is_of(like, "polars", "LazyFrame"):
        return cast("Frame", sys.modules["polars"].from_arrow(table).lazy())
    return cast("Frame", table)


def is_of(data: object, module: str, name: str) -> bool:
    """Whether this is an object of a class of a library that the caller already imported."""
    library = sys.modules.get(module)
    kind = getattr(library, name, None) if library is not None else None
    return isinstance(kind, type) and isinstance(data, kind)


def _empty_batch(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)


def _from_pandas(frame: pd.DataFrame) -> pa.Table:
    return pa.table({str(name): series_to_arrow(frame.iloc[:, at]) for at, name in enumerate(frame.columns)})


def series_to_arrow(series: pd.Series[object]) -> pa.ChunkedArray:
    """Objects that are not all of one type are read as the texts they print as."""
    try:
        given = pa.Array.from_pandas(series)
    except (pa.ArrowException, TypeError):
        texts = [None if is_null else str(value) for value, is_null in zip(series, series.isna(), strict=True)]
        given = pa.array(texts, pa.string())
    return given if isinstance(given, pa.ChunkedArray) else pa.chunked_array([given])


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    """Whole numbers and booleans keep their type where some are missing."""
    pandas = sys.modules["pandas"]
    nullable = {
        pa.int64(): pandas.Int64Dtype(),
        pa.int32(): pandas.Int32Dtype(),
        pa.bool_(): pandas.BooleanDtype(),
    }
    frame: pd.DataFrame = table.to_pandas(types_mapper=nullable.get)
    return frame


def relation(table: pa.Table, like: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """A relation on the connection of `like`, where that connection may see Arrow tables of Python."""
    library = sys.modules["duckdb"]
    conformed = table
    try:
        found = like.query("afluente_unused", "SELECT * FROM conformed")
    except library.Error:
        found = None
    return found or cast("duckdb.DuckDBPyRelation", library.from_arrow(conformed))
