"""Has Spark write a query's answer as Parquet files of a table, and reads Delta's statistics from the footers.

Invariant: each attempt writes into a folder of its own under the table's root, so that a repeated attempt overwrites
nothing; the client lists that folder, reads every footer and reports only files that hold rows.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from afluente.core.errors import EngineError
from afluente.core.tables import DataFile
from afluente.engines.partitions import (
    EMPTY_VALUE_MARK,
    NULL_FOLDER,
    check_partition_columns,
    folder_values,
    is_text,
)
from afluente.engines.spark.errors import translated
from afluente.engines.spark.types import name_type, quote, text
from afluente.engines.statistics import Bound, ColumnStatistics, delta_statistics
from afluente.engines.storage import Storage

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

_EXACT_TEXT_BYTES = 32


def write_files(
    session: SparkSession,
    storage: Storage,
    sql: str,
    folder: str,
    *,
    schema: pa.Schema,
    partition_by: Sequence[str],
) -> list[DataFile]:
    """Write under `folder`; see Engine.write_parquet."""
    check_partition_columns(schema, partition_by)
    root = folder.removeprefix("file://").rstrip("/")
    attempt = f"{root}/part-{uuid.uuid4().hex}"
    columns = ", ".join(_cast(field, is_partition=field.name in partition_by) for field in schema)
    if "://" not in root:
        Path(root).mkdir(parents=True, exist_ok=True)
    try:
        with translated(f"writing files of {root.rsplit('/', 1)[-1]}"):
            writer = session.sql(f"SELECT {columns} FROM (\n{sql}\n) AS written").write
            writer = writer.option("compression", "zstd")
            if partition_by:
                writer = writer.partitionBy(*partition_by)
            writer.parquet(attempt)
        files = [_data_file(storage, path, root, schema, partition_by) for path in storage.parquet_files(attempt)]
    except BaseException:
        with contextlib.suppress(OSError):
            storage.remove_folder(attempt)
        raise
    for empty in (file for file in files if not file.rows):
        storage.remove_file(f"{root}/{empty.path}")
    return [file for file in files if file.rows]


def _cast(field: pa.Field, *, is_partition: bool) -> str:
    """Partition columns go out as text, null spelled out: Sail puts null and '' in one folder."""
    name = quote(field.name)
    cast = f"CAST({name} AS {name_type(field.type, field.name)})"
    if not is_partition:
        return f"{cast} AS {name}"
    spelled = f"coalesce(CAST({cast} AS STRING), {text(NULL_FOLDER)})"
    if is_text(field.type):
        refuse = f"raise_error({text(EMPTY_VALUE_MARK + field.name)})"
        spelled = f"CASE WHEN {cast} = '' THEN {refuse} ELSE {spelled} END"
    return f"{spelled} AS {name}"


def _data_file(storage: Storage, path: str, root: str, schema: pa.Schema, partition_by: Sequence[str]) -> DataFile:
    if not path.startswith(root + "/"):
        raise EngineError("engine.io_failed", f"the file {path} is not under the table's folder")
    relative = path.removeprefix(root + "/")
    size_bytes, metadata = storage.metadata(path)
    columns = [_column(field, metadata) for field in schema if field.name not in partition_by]
    stats = delta_statistics(metadata.num_rows, columns)
    return DataFile(relative, size_bytes, metadata.num_rows, stats, folder_values(relative, partition_by))


def _column(field: pa.Field, metadata: pq.FileMetaData) -> ColumnStatistics:
    unknown = ColumnStatistics(field.name, field.type, None)
    if pa.types.is_nested(field.type) or not metadata.num_row_groups:
        return unknown
    index = _index(field.name, metadata)
    if index is None:
        return unknown
    groups = [metadata.row_group(group).column(index).statistics for group in range(metadata.num_row_groups)]
    if any(group is None or not group.has_null_count for group in groups):
        return unknown
    nulls = sum(group.null_count for group in groups)
    valued = [group for group in groups if group.num_values]
    if not all(group.has_min_max for group in valued) or not valued:
        return ColumnStatistics(field.name, field.type, nulls)
    try:
        low: Bound | None = min(group.min for group in valued)
        high: Bound | None = max(group.max for group in valued)
    except (ValueError, OverflowError, TypeError):
        low = high = None
    if not (_is_exact(low, field.type) and _is_exact(high, field.type)):
        low = high = None
    return ColumnStatistics(field.name, field.type, nulls, low, high)


def _index(name: str, metadata: pq.FileMetaData) -> int | None:
    for index in range(metadata.num_columns):
        if metadata.row_group(0).column(index).path_in_schema == name:
            return index
    return None


def _is_exact(bound: Bound | None, kind: pa.DataType) -> bool:
    """Writers cut long texts and leave NaN out of bounds without saying so."""
    if pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return False
    return not isinstance(bound, str) or len(bound.encode()) < _EXACT_TEXT_BYTES
