"""One column of values as other libraries hold it, to Arrow, and the verdicts on it back in the same kind.

Invariant: verdicts are true or false, never null, in the order the values came.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa

from afluente.conform.frames import is_of, relation, series_to_arrow
from afluente.conform.glance.block import Flags
from afluente.core.errors import UsageError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl


def texts_of(values: Iterable[object]) -> pa.Array:
    """Any values of Python as texts; None and what is unequal to itself (NaN) are null."""
    texts = [None if value is None or value != value else str(value) for value in values]  # noqa: PLR0124 - NaN
    return pa.array(texts, pa.string())


def to_column(values: object) -> pa.ChunkedArray:
    """An Arrow array, a pandas or Polars series, a DuckDB relation of one column, or any other iterable as texts."""
    if isinstance(values, pa.ChunkedArray):
        return values
    if isinstance(values, pa.Array):
        return pa.chunked_array([values])
    if is_of(values, "pandas", "Series"):
        return series_to_arrow(cast("pd.Series[object]", values))
    if is_of(values, "polars", "Series"):
        return pa.chunked_array([cast("pl.Series", values).to_arrow()])
    if is_of(values, "duckdb", "DuckDBPyRelation"):
        table = cast("duckdb.DuckDBPyRelation", values).to_arrow_table()
        if table.num_columns != 1:
            raise UsageError(
                "conform.column_not_one",
                f"a relation of {table.num_columns} columns is not one column of values",
                hint="select the column: relation.select('cpf')",
            )
        return table.column(0)
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise UsageError(
            "conform.column_unknown",
            f"a {type(values).__module__}.{type(values).__name__} is no column of values",
            hint="give a list, an Arrow array, a pandas or Polars series, or a DuckDB relation of one column",
        )
    return pa.chunked_array([texts_of(values)])


def flags_like(flags: Flags, like: object) -> object:
    """The verdicts as the kind `like` is: a list of bool where that is no kind of column known."""
    if isinstance(like, pa.ChunkedArray):
        return pa.chunked_array([_booleans(flags)])
    if isinstance(like, pa.Array):
        return _booleans(flags)
    if is_of(like, "pandas", "Series"):
        series = cast("pd.Series[object]", like)
        return type(series)(flags, index=series.index, name=series.name)
    if is_of(like, "polars", "Series"):
        column = cast("pl.Series", like)
        return type(column)(column.name, flags)
    if is_of(like, "duckdb", "DuckDBPyRelation"):
        return relation(pa.table({"is_valid": _booleans(flags)}), cast("duckdb.DuckDBPyRelation", like))
    return flags.tolist()


def _booleans(flags: Flags) -> pa.BooleanArray:
    """Packed here: `pa.array` looks at the flags one by one."""
    bits = pa.py_buffer(np.packbits(flags, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), flags.size, [None, bits])
