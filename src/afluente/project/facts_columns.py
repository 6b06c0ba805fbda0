"""The columns that the facts of a product have, as models and contracts declare them.

Invariant: a column is never told to be less personal than the columns of silver it is named after.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from afluente.core.tables import TableName
from afluente.project.contract import Classification, Contract
from afluente.project.model import Model

RESTRICTED: tuple[Classification, ...] = ("direct_identifier", "quasi_identifier", "sensitive")
_STRICTEST: tuple[Classification, ...] = ("direct_identifier", "sensitive", "quasi_identifier", "internal", "public")
_TYPE_OF_LOGICAL = {
    "string": "string",
    "integer": "bigint",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}
_TABLE = re.compile(r"\b(silver|gold)\s*\.\s*`?([a-z_][a-z0-9_]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FactsColumn:
    """A column of a product's facts; `type` is a Spark SQL type, empty when the contract leaves it open."""

    type: str
    classification: Classification


def facts_columns(
    table: TableName, contracts: Iterable[Contract], models: Iterable[Model]
) -> dict[str, FactsColumn] | None:
    """The columns that a table's model or contract declares, of the strictest classification that is told.

    A gold column that says nothing of itself (`internal`) is what a column of the same name is in the silver tables
    its model reads, through other models too; one that is truly another is declared `public`. None when nothing
    declares the table.
    """
    by_table = {one.table: one for one in contracts}
    of_models = {one.table: one for one in models}
    contract, model = by_table.get(table), of_models.get(table)
    if contract is None and model is None:
        return None
    columns = {one.name: FactsColumn(one.type, one.classification) for one in model.columns} if model else {}
    for one in contract.columns if contract else ():
        declared = columns.get(one.name)
        kind = declared.type if declared else one.physical_type or _TYPE_OF_LOGICAL.get(one.logical_type, "")
        told = [one.classification, *((declared.classification,) if declared else ())]
        columns[one.name] = FactsColumn(kind, min(told, key=_STRICTEST.index))
    inherited = _inherited(table, by_table, of_models) if model else {}
    for name, column in columns.items():
        if column.classification == "internal" and name in inherited:
            columns[name] = replace(column, classification=inherited[name])
    return columns


def _inherited(
    table: TableName, contracts: Mapping[TableName, Contract], models: Mapping[TableName, Model]
) -> dict[str, Classification]:
    """The restricted columns, by name, of every silver table that a model reads, itself or through other models."""
    found: dict[str, Classification] = {}
    seen: set[TableName] = set()
    waiting = [table]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        if one in models:
            named = _TABLE.findall(models[one].sql)
            waiting += [TableName(layer.lower(), name.lower()) for layer, name in named]
        for column in contracts[one].columns if one in contracts and one.layer == "silver" else ():
            if column.is_restricted:
                told = [column.classification, found.get(column.name, "public")]
                found[column.name] = min(told, key=_STRICTEST.index)
    return found
