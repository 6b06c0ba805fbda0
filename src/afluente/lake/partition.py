"""Partition values: their text in the log, their folder names, and the reading of both.

Invariant: null is None, never a text; the empty string is refused, since Delta reads it back as null.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.types as pt

from afluente.core.errors import LakeError

NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\"#%'*/:=?\\{\[\]^]")

PartitionKey = tuple[str | int | date | None, ...]


def text_of(value: object) -> str | None:
    """The text of a partition value as Delta's log holds it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


def value_of(text: str | None, kind: pa.DataType, column: str) -> str | int | date | None:
    """The value that a partition's text stands for; two texts of one value become equal."""
    if text is None:
        return None
    if text == "":
        raise LakeError(
            "lake.partition_empty",
            f"the partition column {column!r} holds an empty text, which would be read back as null",
            hint="make it null, or give it a value such as 'none'",
        )
    try:
        if pt.is_boolean(kind):
            return {"true": True, "false": False}[text.lower()]
        if pt.is_signed_integer(kind):
            return int(text)
        if pt.is_date32(kind):
            return date.fromisoformat(text)
    except (KeyError, ValueError) as error:
        raise LakeError(
            "lake.partition_value", f"the partition column {column!r} holds a text that is no {kind}", hint=""
        ) from error
    return text


def key_of(values: Mapping[str, str | None], partition_by: Sequence[str], schema: pa.Schema) -> PartitionKey:
    """Partition values in the order of the table's partition columns, typed, so that they can be compared."""
    if set(values) != set(partition_by):
        raise LakeError(
            "lake.partition_mismatch",
            f"a file has the partition columns {', '.join(sorted(values)) or 'none'}, "
            f"the table has {', '.join(partition_by) or 'none'}",
            hint="",
        )
    return tuple(value_of(values[name], schema.field(name).type, name) for name in partition_by)


def folder_of(values: Mapping[str, str | None], partition_by: Sequence[str]) -> str:
    """`uf=SP/mes=2024-01/`, escaped as Spark does; empty for a table without partitions."""
    return "".join(f"{_escape(name)}={_folder_value(values[name])}/" for name in partition_by)


def folder_values(path: str) -> dict[str, str | None]:
    """The partition values that the folder names of a physical path say."""
    found: dict[str, str | None] = {}
    for segment in path.split("/")[:-1]:
        name, equals, value = segment.partition("=")
        if equals:
            found[unquote(name)] = None if value == NULL_FOLDER else unquote(value)
    return found


def _folder_value(text: str | None) -> str:
    return NULL_FOLDER if text is None else _escape(text)


def _escape(text: str) -> str:
    return _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", text)
