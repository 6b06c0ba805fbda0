"""The Arrow schema of what a model declares."""

from __future__ import annotations

import pyarrow as pa

from afluente.models.spark_types import SparkType, parse_type
from afluente.project.model import Model

_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "timestamp_ntz": pa.timestamp("us"),
    "binary": pa.binary(),
}


def arrow_schema(model: Model) -> pa.Schema:
    """One nullable field for each declared column, in its order."""
    return pa.schema([pa.field(column.name, arrow_type(parse_type(column.type))) for column in model.columns])


def arrow_type(kind: SparkType) -> pa.DataType:
    """The Arrow type a Spark SQL type is stored as."""
    match kind.name:
        case "decimal":
            return pa.decimal128(kind.precision, kind.scale)
        case "array":
            return pa.list_(arrow_type(kind.items[0]))
        case "map":
            return pa.map_(arrow_type(kind.items[0]), arrow_type(kind.items[1]))
        case "struct":
            named = zip(kind.fields, kind.items, strict=True)
            return pa.struct([pa.field(name, arrow_type(item)) for name, item in named])
        case _:
            return _TYPES[kind.name]
