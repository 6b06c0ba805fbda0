"""The SQL of a view over a snapshot's Parquet files.

Invariant: the view has exactly the schema's columns, in order and type; columns a file lacks are null; partition
values and file names come from the caller's lists by the file's position, never from the path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from afluente.core.errors import EngineError
from afluente.engines.duckdb.types import AWARE, name_type, quote, text, text_list

NAIVE_QUERY = """
SELECT DISTINCT file_name, name FROM parquet_schema({files})
WHERE type = 'INT96' OR (type = 'INT64' AND logical_type LIKE '%isAdjustedToUTC=0%')
"""


def empty_view(schema: pa.Schema, file_column: str = "") -> str:
    columns = [f"CAST(NULL AS {name_type(field.type, field.name)}) AS {quote(field.name)}" for field in schema]
    if file_column:
        columns.append(f"CAST(NULL AS VARCHAR) AS {quote(file_column)}")
    return f"SELECT {', '.join(columns)} WHERE false"


def file_view(
    files: Sequence[str],
    schema: pa.Schema,
    *,
    partition_by: Sequence[str],
    partitions: Sequence[Mapping[str, str | None]],
    file_column: str = "",
    naive: frozenset[str] = frozenset(),
) -> str:
    """A SELECT over files that are read alike; `naive` names columns whose instants the files keep without a zone."""
    if (partition_by or file_column) and "file_index" in schema.names:
        raise EngineError(
            "engine.column_name_reserved",
            "a partitioned table cannot have a column named 'file_index' on DuckDB",
            hint="rename the column in the contract",
        )
    read: list[str] = []
    shown: list[str] = []
    for field in schema:
        name, kind = quote(field.name), name_type(field.type, field.name)
        if field.name in partition_by:
            values = [row.get(field.name) for row in partitions]
            shown.append(f"{_constant(values, kind)} AS {name}")
            continue
        is_naive = field.name in naive
        stored = "TIMESTAMP" if is_naive else kind
        read.append(
            f"{text(field.name)}: {{'name': {text(field.name)}, 'type': {text(stored)}, 'default_value': NULL}}"
        )
        shown.append(f"timezone('UTC', {name}) AS {name}" if is_naive else name)
    if file_column:
        shown.append(f"({text_list(list(files))})[CAST(file_index AS BIGINT) + 1] AS {quote(file_column)}")
    source = f"read_parquet({text_list(list(files))}, schema = MAP {{{', '.join(read)}}}, hive_partitioning = false)"
    return f"SELECT {', '.join(shown)} FROM {source}"


def aware_columns(schema: pa.Schema, partition_by: Sequence[str]) -> list[str]:
    """Columns holding instants: a file that keeps them as INT96 or without a zone has to be read apart."""
    return [
        field.name
        for field in schema
        if pa.types.is_timestamp(field.type) and field.type.tz is not None and field.name not in partition_by
    ]


def _constant(values: Sequence[str | None], kind: str) -> str:
    if len(set(values)) == 1:
        return _typed("NULL" if values[0] is None else text(values[0]), kind)
    listed = ", ".join("NULL" if value is None else text(value) for value in values)
    element = f"(CAST([{listed}] AS {_stored(kind)}[]))[CAST(file_index AS BIGINT) + 1]"
    return f"timezone('UTC', {element})" if kind == AWARE else element


def _typed(value: str, kind: str) -> str:
    cast = f"CAST({value} AS {_stored(kind)})"
    return f"timezone('UTC', {cast})" if kind == AWARE else cast


def _stored(kind: str) -> str:
    return "TIMESTAMP" if kind == AWARE else kind
