"""Partition values of Delta tables as text: which types may partition a table, and how folder names spell values.

Invariant: a null is None and never an empty string; an empty string is refused, because Delta cannot tell them apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

import pyarrow as pa

from afluente.core.errors import EngineError
from afluente.core.nearest import did_you_mean

NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"
TOO_LONG = re.compile(r"file ?name too long", re.IGNORECASE)
"""What a file system says of a folder whose name holds too long a value."""
EMPTY_VALUE_MARK = "afluente:partition_value_empty:"


def check_partition_columns(schema: pa.Schema, partition_by: Sequence[str]) -> None:
    """Raise EngineError when a partition column is missing from the schema or its type cannot name a folder."""
    for name in partition_by:
        if name not in schema.names:
            raise EngineError(
                "engine.column_missing",
                f"partition column '{name}' is not a column of the table",
                hint=did_you_mean(name, schema.names),
            )
        kind = schema.field(name).type
        if not (is_text(kind) or pa.types.is_integer(kind) or pa.types.is_date(kind) or pa.types.is_boolean(kind)):
            raise EngineError(
                "engine.type_unsupported",
                f"partition column '{name}' has type {kind}, which cannot partition a table",
                hint="partition by a string, integer, boolean or date column",
            )
    if len(partition_by) == len(schema.names):
        raise EngineError(
            "engine.type_unsupported",
            "every column is a partition column, so the files would have none",
            hint="leave at least one column out of the partition columns",
        )


def check_partitions(
    view: str,
    files: Sequence[str],
    schema: pa.Schema,
    partition_by: Sequence[str],
    partitions: Sequence[Mapping[str, str | None]],
) -> None:
    """Raise EngineError when a table cannot be partitioned so, or not every file has its partition values."""
    check_partition_columns(schema, partition_by)
    if len(partitions) != len(files):
        raise EngineError(
            "engine.snapshot_invalid", f"{view} has {len(files)} files and partition values for {len(partitions)}"
        )


def is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def folder_values(relative_path: str, partition_by: Sequence[str]) -> dict[str, str | None]:
    """The partition values spelled by a file's folders, such as `uf=SP/dia=2024-01-01/part.parquet`."""
    spelled: dict[str, str | None] = {}
    for folder in relative_path.split("/")[:-1]:
        name, equals, value = folder.partition("=")
        if equals:
            spelled[unquote(name)] = None if value == NULL_FOLDER else unquote(value)
    return {name: spelled.get(name) for name in partition_by}


def empty_value(column: str) -> EngineError:
    return EngineError(
        "engine.partition_value_empty",
        f"partition column '{column}' holds an empty string, which a table cannot tell from null",
        hint="turn empty strings into null, or into a word that says what is missing",
    )


def too_long_value(doing: str) -> EngineError:
    return EngineError(
        "engine.partition_value_too_long",
        f"{doing}: a partition column holds a text that is too long for the name of a folder",
        hint="partition by a column of short texts, or by a part of this one",
    )
