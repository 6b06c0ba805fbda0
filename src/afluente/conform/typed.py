"""Columns that come typed (Parquet, databases): cast when the types are of one family, read as text otherwise."""

from __future__ import annotations

import pyarrow as pa

from afluente.conform.dialect import Kind
from afluente.conform.reading import Cell, Reading
from afluente.conform.registry import type_of
from afluente.conform.types.number import decimal_size
from afluente.core.language import Message

_MESSAGE = Message("o valor não cabe no tipo declarado", "the value does not fit the declared type")


def typed_reading(cell: Cell, arrow: pa.DataType) -> Reading | None:
    """How a typed column becomes the declared type without passing through text; None when it must."""
    kind = _target(cell, arrow)
    if kind is None:
        return None
    value = cell.mid("value")
    cast = f"TRY_CAST({cell.raw} AS {cell.dialect.sql_type(kind)})"
    return Reading(value=value, kind=kind, message=_MESSAGE, stages=({value: cast},))


def _target(cell: Cell, arrow: pa.DataType) -> Kind | tuple[int, int] | None:
    column = cell.column
    kind = type_of(column)
    size = decimal_size(column.physical_type)
    is_whole = pa.types.is_integer(arrow)
    match kind:
        case "integer" if is_whole:
            return "integer" if (column.physical_type or "").lower() in ("int", "integer", "int32") else "bigint"
        case "money" | "decimal" if is_whole or pa.types.is_decimal(arrow):
            return size or (18, 2)
        case "number" if size is not None and (is_whole or pa.types.is_decimal(arrow)):
            return size
        case "number" if size is None and (is_whole or pa.types.is_floating(arrow) or pa.types.is_decimal(arrow)):
            return "double"
        case "boolean" if pa.types.is_boolean(arrow):
            return "boolean"
        case "date" if pa.types.is_date(arrow):
            return "date"
        case "timestamp" if pa.types.is_timestamp(arrow) and arrow.tz is not None:
            return "timestamp"
        case _:
            return None
