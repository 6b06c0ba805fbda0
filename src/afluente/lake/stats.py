"""Delta's statistics of a data file, from its Parquet footer.

Invariant: a bound is written only when it is exact. A bound that is wrong would make readers skip a file that
holds what they look for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

from afluente.core.errors import LakeError
from afluente.core.tables import DataFile

_EXACT_TEXT_WRITERS = ("parquet-cpp", "parquet-mr", "parquet-rs")
_EXACT_TEXT_BYTES = 60
_INDEXED_COLUMNS = 32
_EXACT_FLOAT_DIGITS = 16


def statistics(footer: Any, schema: pa.Schema) -> str:
    """The JSON text of the statistics: rows, and per column the least, the greatest and the number of nulls.

    Of the first 32 columns and of those that begin with `_`. No bounds for floating point (a footer does not
    tell of NaN) nor for texts of 60 bytes or more (writers cut them).
    """
    minimum: dict[str, object] = {}
    maximum: dict[str, object] = {}
    nulls: dict[str, int] = {}
    texts_are_exact = str(footer.created_by or "").startswith(_EXACT_TEXT_WRITERS)
    leaves = _leaves(footer)
    for position, field in enumerate(schema):
        if (position >= _INDEXED_COLUMNS and not field.name.startswith("_")) or field.name not in leaves:
            continue
        chunks = [footer.row_group(group).column(leaves[field.name]) for group in range(footer.num_row_groups)]
        found = [chunk.statistics for chunk in chunks if chunk.num_values]
        if any(chunk is None or not chunk.has_null_count for chunk in found):
            continue
        nulls[field.name] = sum(chunk.null_count for chunk in found)
        bounded = [chunk for chunk in found if chunk.num_values]
        if not bounded or not all(chunk.has_min_max for chunk in bounded):
            continue
        if pt.is_string(field.type) and not texts_are_exact:
            continue
        least = _json_bound(min(chunk.min for chunk in bounded), field.type)
        greatest = _json_bound(max(chunk.max for chunk in bounded), field.type)
        if least is not None and greatest is not None:
            minimum[field.name] = least
            maximum[field.name] = greatest
    return json.dumps(
        {"numRecords": footer.num_rows, "minValues": minimum, "maxValues": maximum, "nullCount": nulls},
        ensure_ascii=False,
    )


def null_counts(footer: Any) -> dict[str, int | None]:
    """Nulls per top-level flat column of a footer; None where the writer did not count them."""
    counts: dict[str, int | None] = {}
    for name, index in _leaves(footer).items():
        total: int | None = 0
        for group in range(footer.num_row_groups):
            found = footer.row_group(group).column(index).statistics
            if found is None or not found.has_null_count:
                total = None
                break
            total = (total or 0) + found.null_count
        counts[name] = total
    return counts


def check_statistics(file: DataFile, schema: pa.Schema) -> None:
    """Refuse (`lake.stats`) statistics that are no JSON, that hold NaN, or whose rows differ from the file's.

    A text may be "nan" or "NaN", as a spreadsheet's or a frame's export writes it.
    """
    texts = {field.name for field in schema if pt.is_string(field.type)}
    try:
        found = json.loads(file.stats, parse_constant=_refuse_constant)
    except ValueError as error:
        raise LakeError(
            "lake.stats",
            f"the statistics of {file.path!r} are not JSON without NaN",
            hint="leave the bounds of such a column out",
        ) from error
    if not isinstance(found, dict) or found.get("numRecords") != file.rows:
        raise LakeError("lake.stats", f"the statistics of {file.path!r} do not say {file.rows} rows", hint="")
    for group in ("minValues", "maxValues"):
        bounds = found.get(group, {})
        if not isinstance(bounds, Mapping) or any(
            value in {"NaN", "nan"} and name not in texts for name, value in bounds.items()
        ):
            raise LakeError("lake.stats", f"the statistics of {file.path!r} hold NaN", hint="leave such a bound out")


def _refuse_constant(text: str) -> float:
    raise ValueError(text)


def _leaves(footer: Any) -> dict[str, int]:
    leaves: dict[str, int] = {}
    for index in range(footer.num_columns):
        column = footer.schema.column(index)
        if column.path == column.name and column.max_repetition_level == 0:
            leaves[column.name] = index
    return leaves


def _json_bound(value: object, kind: pa.DataType) -> object:
    if pt.is_boolean(kind) and isinstance(value, bool):
        return value
    if pt.is_signed_integer(kind) and isinstance(value, int):
        return value
    if pt.is_decimal(kind) and isinstance(value, Decimal):
        number = float(value)
        text = repr(number)
        return number if "e" not in text and len(text) <= _EXACT_FLOAT_DIGITS and Decimal(text) == value else None
    if pt.is_timestamp(kind) and isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return moment.isoformat(timespec="microseconds") + ("Z" if kind.tz else "")
    if pt.is_date32(kind) and isinstance(value, date):
        return value.isoformat()
    if pt.is_string(kind) and isinstance(value, str) and len(value.encode()) < _EXACT_TEXT_BYTES:
        return value
    return None
