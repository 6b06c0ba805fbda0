"""Spark's name for each Arrow type that a table of the lake may have, and how it quotes.

Invariant: a type without an exact counterpart is refused by name, never approximated.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from afluente.core.errors import EngineError
from afluente.engines.partitions import is_text

_PLAIN = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INT",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.date32(): "DATE",
    pa.binary(): "BINARY",
    pa.large_binary(): "BINARY",
    pa.binary_view(): "BINARY",
}


def name_type(kind: pa.DataType, column: str) -> str:
    """The SQL type; EngineError `engine.type_unsupported` names the column and the type."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    if is_text(kind):
        return "STRING"
    if pa.types.is_timestamp(kind) and kind.unit != "ns":
        return "TIMESTAMP" if kind.tz is not None else "TIMESTAMP_NTZ"
    if pa.types.is_decimal128(kind) and kind.scale >= 0:
        return f"DECIMAL({kind.precision},{kind.scale})"
    if pa.types.is_map(kind):
        return f"MAP<{name_type(kind.key_type, column)}, {name_type(kind.item_type, column)}>"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"ARRAY<{name_type(kind.value_type, column)}>"
    if pa.types.is_struct(kind):
        return f"STRUCT<{', '.join(f'{quote(field.name)}: {name_type(field.type, column)}' for field in kind)}>"
    raise EngineError(
        "engine.type_unsupported",
        f"column '{column}' has type {kind}, which a Delta table cannot hold",
        hint="cast it to a type tables have: whole numbers to bigint or decimal(38,0), times to timestamp or string",
    )


def columns_text(fields: Iterable[pa.Field]) -> str:
    """The fields as Spark reads a schema: `id` BIGINT, `nome` STRING."""
    return ", ".join(f"{quote(field.name)} {name_type(field.type, field.name)}" for field in fields)


def quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
