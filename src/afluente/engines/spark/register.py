"""DataFrames over a snapshot's Parquet files.

Invariant: the frame has exactly the schema's columns, in order and type; partition values and file names come from
the caller's lists, as literals per group of files, never from the path.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from afluente.engines.spark.types import columns_text, name_type, quote, text

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.connect.session import SparkSession

_UNION_WIDTH = 64
Group = tuple[tuple[str, str | None], ...]


def empty_frame(session: SparkSession, schema: pa.Schema, file_column: str) -> DataFrame:
    columns = [f"CAST(NULL AS {name_type(field.type, field.name)}) AS {quote(field.name)}" for field in schema]
    if file_column:
        columns.append(f"CAST(NULL AS STRING) AS {quote(file_column)}")
    return session.sql(f"SELECT {', '.join(columns)} FROM range(0)")


def file_frame(
    session: SparkSession,
    files: Sequence[str],
    schema: pa.Schema,
    *,
    partition_by: Sequence[str],
    partitions: Sequence[Mapping[str, str | None]],
    file_column: str,
    is_file_apart: bool,
) -> DataFrame:
    """`is_file_apart` reads each file alone: Sail cannot read files of one column in two types together."""
    groups: dict[tuple[Group, str], list[str]] = defaultdict(list)
    for index, file in enumerate(files):
        values = tuple((name, partitions[index].get(name)) for name in partition_by)
        groups[values, file if is_file_apart or file_column else ""].append(file)
    stored = columns_text(field for field in schema if field.name not in partition_by)
    frames = []
    for (values, file), members in groups.items():
        constants = dict(values)
        columns = [
            _constant(constants[field.name], field) if field.name in constants else _cast(field) for field in schema
        ]
        if file_column:
            columns.append(f"{text(file)} AS {quote(file_column)}")
        frames.append(session.read.schema(stored).parquet(*members).selectExpr(*columns))
    return _union(frames)


def _union(frames: list[DataFrame]) -> DataFrame:
    """Groups of unions built to the left, each projected on its columns, then unions of the groups.

    A union of 400 frames in one chain kills Sail, and unions nested to the right lose columns under a filter there
    unless a projection stands between.
    """
    columns = [quote(name) for name in frames[0].columns] if len(frames) > _UNION_WIDTH else []
    while len(frames) > 1:
        groups = [frames[start : start + _UNION_WIDTH] for start in range(0, len(frames), _UNION_WIDTH)]
        frames = [_chain(group).selectExpr(*columns) if columns else _chain(group) for group in groups]
    return frames[0]


def _chain(frames: list[DataFrame]) -> DataFrame:
    whole = frames[0]
    for frame in frames[1:]:
        whole = whole.unionAll(frame)
    return whole


def _cast(field: pa.Field) -> str:
    return f"CAST({quote(field.name)} AS {name_type(field.type, field.name)}) AS {quote(field.name)}"


def _constant(value: str | None, field: pa.Field) -> str:
    literal = "NULL" if value is None else text(value)
    if value is not None and pa.types.is_timestamp(field.type) and field.type.tz is not None:
        literal = text(value if value.endswith("Z") else f"{value}Z")
    return f"CAST({literal} AS {name_type(field.type, field.name)}) AS {quote(field.name)}"
