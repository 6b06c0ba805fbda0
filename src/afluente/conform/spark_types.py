"""The Spark SQL names of the types expressions of a contract see."""

from __future__ import annotations

import pyarrow as pa

from afluente.conform.dialect import Kind

_OF_KIND: dict[str, str] = {
    "text": "string",
    "bigint": "bigint",
    "integer": "int",
    "double": "double",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}


def spark_type(kind: Kind | tuple[int, int]) -> str:
    return f"decimal({kind[0]},{kind[1]})" if isinstance(kind, tuple) else _OF_KIND[kind]


def spark_type_of(arrow: pa.DataType) -> str:
    """The Spark SQL type of an Arrow type as it stands in a table; nested types are told by their shape."""
    if pa.types.is_decimal(arrow):
        return f"decimal({arrow.precision},{arrow.scale})"
    if pa.types.is_list(arrow) or pa.types.is_large_list(arrow):
        return f"array<{spark_type_of(arrow.value_type)}>"
    if pa.types.is_struct(arrow):
        return f"struct<{', '.join(f'{field.name}: {spark_type_of(field.type)}' for field in arrow)}>"
    if pa.types.is_map(arrow):
        return f"map<{spark_type_of(arrow.key_type)}, {spark_type_of(arrow.item_type)}>"
    if pa.types.is_timestamp(arrow):
        return "timestamp" if arrow.tz else "timestamp_ntz"
    return _PLAIN.get(str(arrow), "string")


_PLAIN = {
    "bool": "boolean",
    "int8": "tinyint",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "float": "float",
    "double": "double",
    "date32[day]": "date",
    "binary": "binary",
    "large_binary": "binary",
}
