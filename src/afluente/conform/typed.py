"""Columns that come typed (Parquet, databases, frames): cast where the types are of one family, read as text otherwise.

Invariant: a cast that would lose anything (digits beyond the scale, a fraction, a time of day) is invalid instead.
"""

from __future__ import annotations

import pyarrow as pa

from afluente.conform.dialect import Dialect, Kind
from afluente.conform.reading import Cell, Reading
from afluente.conform.registry import type_of
from afluente.conform.types.number import decimal_size
from afluente.core.language import Message

MOST_DIGITS = 38
_MESSAGE = Message("o valor não cabe no tipo declarado", "the value does not fit the declared type")


def typed_reading(cell: Cell, arrow: pa.DataType) -> Reading | None:
    """How a typed column becomes the declared type without passing through text; None when it must."""
    found = _cast(cell, arrow)
    if found is None:
        return None
    kind, cast, is_kept = found
    read, value = cell.mid("cast"), cell.mid("value")
    kept = is_kept.format(read=read) if is_kept else ""
    return Reading(
        value=value,
        kind=kind,
        message=_MESSAGE,
        stages=({read: cast}, {value: f"CASE WHEN {kept} THEN {read} END" if kept else read}),
    )


def typed_text(dialect: Dialect, raw: str, arrow: pa.DataType) -> str:
    """A typed value as the text that a reader of texts expects: whole numbers without `.0`, fractions with their zero."""
    if pa.types.is_decimal(arrow) and arrow.precision == arrow.scale < MOST_DIGITS:
        return dialect.as_text(f"CAST({raw} AS {dialect.sql_type((arrow.precision + 1, arrow.scale))})")
    if not pa.types.is_floating(arrow):
        return dialect.as_text(raw)
    whole = dialect.as_text(f"CAST({raw} AS {dialect.sql_type('bigint')})")
    return f"CASE WHEN {raw} = floor({raw}) AND abs({raw}) < 1e15 THEN {whole} ELSE {dialect.as_text(raw)} END"


def _cast(cell: Cell, arrow: pa.DataType) -> tuple[Kind | tuple[int, int], str, str] | None:
    """The declared type, the cast, and what tells that the cast kept the value ('' when it always does)."""
    column, d, raw = cell.column, cell.dialect, cell.raw
    size = decimal_size(column.physical_type)
    is_whole, is_decimal, is_double = (
        pa.types.is_integer(arrow),
        pa.types.is_decimal(arrow),
        pa.types.is_floating(arrow),
    )
    is_number = is_whole or is_decimal or is_double
    is_naive = pa.types.is_date(arrow) or (pa.types.is_timestamp(arrow) and arrow.tz is None)

    def cast(kind: Kind | tuple[int, int], text: str = raw) -> str:
        return f"TRY_CAST({text} AS {d.sql_type(kind)})"

    def same(kind: Kind | tuple[int, int]) -> str:
        if is_double and isinstance(kind, tuple):
            return f"abs(CAST({{read}} AS {d.sql_type('double')}) - {raw}) <= 1e-9 * greatest(1, abs({raw}))"
        return f"{{read}} = {raw}"

    match type_of(column):
        case "integer" if is_number:
            narrow = (column.physical_type or "").lower() in ("int", "integer", "int32")
            kind: Kind = "integer" if narrow else "bigint"
            if is_whole:
                return kind, cast(kind), ""
            return kind, f"CASE WHEN {raw} = floor({raw}) THEN {cast(kind)} END", ""
        case "money" | "decimal" if is_number:
            return size or (18, 2), cast(size or (18, 2)), "" if is_whole else same(size or (18, 2))
        case "number" if size is not None and is_number:
            return size, cast(size), "" if is_whole else same(size)
        case "number" if is_number:
            return "double", cast("double"), f"abs({{read}}) < CAST('Infinity' AS {d.sql_type('double')})"
        case "boolean" if pa.types.is_boolean(arrow):
            return "boolean", raw, ""
        case "date" if pa.types.is_date(arrow):
            return "date", cast("date"), ""
        case "date" if is_naive:
            return "date", cast("date"), f"CAST({{read}} AS {d.local_type}) = {raw}"
        case "timestamp" if pa.types.is_timestamp(arrow) and not is_naive:
            return "timestamp", cast("timestamp"), ""
        case "timestamp" if is_naive:
            return "timestamp", d.instant(d.local(raw), column.timezone or cell.timezone), ""
        case _:
            return None
