"""Types of a table: what Delta can hold, and whether a Parquet file's types are a table's types.

Invariant: a schema that leaves `canonical` comes back unchanged from the table's log.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.types as pt

from afluente.core.errors import LakeError

_PARTITION_TYPES = "string, integer, date and boolean"


def canonical(schema: pa.Schema) -> pa.Schema:
    """The schema as Delta keeps it: large and view strings become strings, field metadata is dropped.

    Refuses (`lake.type_unsupported`) what Delta cannot hold exactly: unsigned and half-float numbers,
    nanoseconds, time of day, zones other than UTC, decimals beyond 38 digits.
    """
    fields = [pa.field(field.name, _canonical_type(field.type, field.name), field.nullable) for field in schema]
    lowered = [field.name.lower() for field in fields]
    for name in lowered:
        if lowered.count(name) > 1:
            raise LakeError(
                "lake.column_repeated",
                f"the column {name!r} stands twice in the schema",
                hint="names of columns are compared without regard to case",
            )
    return pa.schema(fields)


def _canonical_type(kind: pa.DataType, name: str) -> pa.DataType:
    if pt.is_large_string(kind) or pt.is_string_view(kind) or pt.is_string(kind):
        return pa.string()
    if pt.is_large_binary(kind) or pt.is_binary_view(kind) or pt.is_binary(kind):
        return pa.binary()
    if pt.is_dictionary(kind):
        return _canonical_type(kind.value_type, name)
    if pt.is_timestamp(kind) and kind.unit != "ns" and kind.tz in {None, "UTC", "Etc/UTC", "+00:00", "Z"}:
        return pa.timestamp("us", None if kind.tz is None else "UTC")
    if pt.is_decimal(kind) and kind.precision <= 38 and 0 <= kind.scale <= kind.precision:
        return pa.decimal128(kind.precision, kind.scale)
    if pt.is_list(kind) or pt.is_large_list(kind):
        return pa.list_(pa.field("element", _canonical_type(kind.value_type, name), kind.value_field.nullable))
    if pt.is_map(kind):
        item = pa.field("value", _canonical_type(kind.item_type, name), kind.item_field.nullable)
        return pa.map_(_canonical_type(kind.key_type, name), item)
    if pt.is_struct(kind):
        return pa.struct([pa.field(f.name, _canonical_type(f.type, f"{name}.{f.name}"), f.nullable) for f in kind])
    if pt.is_signed_integer(kind) or pt.is_float32(kind) or pt.is_float64(kind) or pt.is_boolean(kind):
        return kind
    if pt.is_date32(kind):
        return kind
    raise LakeError(
        "lake.type_unsupported",
        f"the column {name!r} has the type {kind}, which a Delta table cannot hold",
        hint="cast it to a type that can: timestamps in microseconds and UTC, signed integers, decimal(38, s)",
    )


def check_partitioning(schema: pa.Schema, partition_by: Sequence[str]) -> None:
    """Partition columns exist, are not all the columns, and have a type whose text form is exact."""
    for name in partition_by:
        if name not in schema.names:
            raise LakeError("lake.partition_unknown", f"the partition column {name!r} is not in the schema", hint="")
        kind = schema.field(name).type
        if not (pt.is_string(kind) or pt.is_signed_integer(kind) or pt.is_date32(kind) or pt.is_boolean(kind)):
            raise LakeError(
                "lake.partition_type",
                f"the partition column {name!r} has the type {kind}",
                hint=f"partition by a column of one of the types {_PARTITION_TYPES}",
            )
    if partition_by and len(set(partition_by)) == len(schema.names):
        raise LakeError("lake.partition_all", "every column is a partition column", hint="leave one column out")


def file_schema(schema: pa.Schema, partition_by: Sequence[str]) -> pa.Schema:
    """What a data file holds: the table's columns without those of its folders' names."""
    return pa.schema([field for field in schema if field.name not in partition_by])


def difference(expected: pa.Schema, given: pa.Schema) -> str:
    """The first way in which two canonical schemas differ, in words; empty when they are equal."""
    for field in expected:
        if field.name not in given.names:
            return f"the column {field.name!r} is missing"
        other = given.field(field.name)
        if not same_type(field.type, other.type):
            return f"the column {field.name!r} is {field.type} in the table and {other.type} in the plan"
        if field.nullable != other.nullable:
            words = {True: "may be null", False: "is required"}
            return f"the column {field.name!r} {words[field.nullable]} in the table and {words[other.nullable]} in the plan"
    extra = [name for name in given.names if name not in expected.names]
    return f"the column {extra[0]!r} is not in the table" if extra else ""


def same_type(expected: pa.DataType, found: pa.DataType) -> bool:
    """Equal but for the nullability and the inner field names of nested types, INT96 timestamps (Spark), and the zone
    a writer names beside an instant (Sail): Parquet keeps the instant in UTC whatever the zone.
    """
    if pt.is_list(expected) and (pt.is_list(found) or pt.is_large_list(found)):
        return same_type(expected.value_type, found.value_type)
    if pt.is_map(expected) and pt.is_map(found):
        return same_type(expected.key_type, found.key_type) and same_type(expected.item_type, found.item_type)
    if pt.is_struct(expected) and pt.is_struct(found):
        return {f.name for f in expected} == {f.name for f in found} and all(
            same_type(field.type, found.field(field.name).type) for field in expected
        )
    if pt.is_timestamp(expected) and pt.is_timestamp(found):
        return found.unit == "ns" or (found.unit == expected.unit and (found.tz is None) == (expected.tz is None))
    if pt.is_string(expected):
        return bool(pt.is_string(found) or pt.is_large_string(found))
    if pt.is_binary(expected):
        return bool(pt.is_binary(found) or pt.is_large_binary(found))
    return bool(expected.equals(found))


def widened(table: pa.Schema, given: pa.Schema) -> pa.Schema:
    """The table's schema with the new columns of `given` at its end, nullable; a changed type is refused."""
    fields = list(table)
    for field in canonical(given):
        if field.name not in table.names:
            fields.append(field.with_nullable(True))
        elif not same_type(table.field(field.name).type, field.type):
            raise LakeError(
                "lake.schema_changed",
                f"the column {field.name!r} is {table.field(field.name).type} in the table and now {field.type}",
                hint="rename the column, or run with --full-refresh to make the table again",
            )
    return pa.schema(fields)


def conformed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch with exactly the columns and types of `schema`; missing columns become null."""
    if batch.schema.equals(schema):
        return batch
    columns = [
        batch.column(field.name).cast(field.type)
        if field.name in batch.schema.names
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
