"""The columns of a project's tables as its files declare them, so that models compile before any data exists.

Invariant: what is told here is what the steps write: silver by its contract, gold by its model, quarantine and
repairs by their fixed columns. Bronze is told by its table, once there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from afluente.conform.duckdb_dialect import DuckDbDialect
from afluente.conform.quarantine import quarantine_schema
from afluente.conform.reading import Cell
from afluente.conform.registry import load_type
from afluente.conform.repairs import repairs_schema
from afluente.conform.spark_types import spark_type, spark_type_of
from afluente.core.tables import TableName

if TYPE_CHECKING:
    from afluente.lake.lake import Lake
    from afluente.project.contract import Contract
    from afluente.project.settings import Project

_ORIGIN = pa.schema(
    [
        ("_source", pa.string()),
        ("_source_row", pa.int64()),
        ("_ingested_at", pa.timestamp("us", tz="UTC")),
        ("_run_id", pa.string()),
    ]
)


def declared_schemas(project: Project, lake: Lake | None = None) -> dict[TableName, dict[str, str]]:
    """Each table's columns as Spark SQL types. With a lake, tables that nothing declares are told as they stand."""
    schemas: dict[TableName, dict[str, str]] = {}
    for contract in project.contracts:
        if contract.table.layer == "silver":
            schemas[contract.table] = contract_types(contract, project.timezone)
            schemas[TableName("quarantine", contract.table.name)] = _types(quarantine_schema(_bronze_names(contract)))
            if contract.repairs == "log":
                schemas[TableName("repairs", contract.table.name)] = _types(repairs_schema())
    for model in project.models:
        schemas[model.table] = {column.name: column.type for column in model.columns}
    for source in project.sources:
        for table in source.into:
            snapshot = None if lake is None else lake.find(table)
            if snapshot is not None:
                schemas[table] = _types(snapshot.schema)
                continue
            names = [name for c in project.contracts if c.source == table for name in _bronze_names(c)]
            schemas[table] = dict.fromkeys(dict.fromkeys(names), "string") | _types(_ORIGIN)
    return schemas


def contract_types(contract: Contract, timezone: str) -> dict[str, str]:
    """The conformed table's columns as Spark SQL types."""
    dialect = DuckDbDialect()
    cells = [Cell(column, index, dialect, f"r_{index}", timezone) for index, column in enumerate(contract.columns)]
    return {cell.column.name: spark_type(load_type(cell.column)(cell).kind) for cell in cells}


def _bronze_names(contract: Contract) -> list[str]:
    return list(dict.fromkeys(column.source for column in contract.columns if column.expression is None))


def _types(schema: pa.Schema) -> dict[str, str]:
    return {field.name: spark_type_of(field.type) for field in schema}
