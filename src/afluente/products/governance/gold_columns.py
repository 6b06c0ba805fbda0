"""Columns of gold tables that carry a person on: found by the models' lineage.

Invariant: a count or a sum over a person's column does not count; only a column that hands the value on does, which
is told by its name or its classification.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from afluente.core.errors import ModelError
from afluente.core.tables import TableName

if TYPE_CHECKING:
    from afluente.models.lineage import Origin
    from afluente.project.model import Model
    from afluente.runs.steps.workspace import Workspace

_RESTRICTED = ("direct_identifier", "quasi_identifier", "sensitive")


@dataclass(frozen=True, slots=True)
class Handed:
    """`column` of a gold table holds the values of `origin`, a column of silver."""

    table: TableName
    column: str
    origin: Origin


def handed_on(workspace: Workspace, columns: Mapping[TableName, set[str]]) -> list[Handed]:
    """Gold columns that hold values of these silver columns, directly or through other gold tables."""
    from afluente.models.lineage import Origin

    known: dict[Origin, Origin] = {
        Origin(table, name): Origin(table, name) for table in columns for name in columns[table]
    }
    names = {name for wanted in columns.values() for name in wanted}
    traced = [(model, _trace(workspace, _narrowed(model, names))) for model in workspace.project.models]
    found: dict[Origin, Handed] = {}
    is_growing = True
    while is_growing:
        is_growing = False
        for model, origins in traced:
            restricted = {column.name for column in model.columns if column.classification in _RESTRICTED}
            for name, sources in origins.items():
                here = Origin(model.table, name)
                for source in sources:
                    if here in known or source not in known or (name != source.column and name not in restricted):
                        continue
                    known[here] = known[source]
                    found[here] = Handed(model.table, name, known[source])
                    is_growing = True
    return sorted(found.values(), key=lambda one: (one.table, one.column))


def _narrowed(model: Model, names: set[str]) -> Model:
    """The model with only the columns that may hand a person on."""
    return replace(
        model, columns=tuple(one for one in model.columns if one.name in names or one.classification in _RESTRICTED)
    )


def _trace(workspace: Workspace, model: Model) -> dict[str, tuple[Origin, ...]]:
    """The origins of each column; for SQL that cannot be traced, columns of the same name in any silver table."""
    from afluente.models.lineage import Origin, trace
    from afluente.runs.steps.model_step import column_types

    schemas: dict[TableName, dict[str, str]] = {}
    for contract in workspace.project.contracts:
        snapshot = workspace.lake.find(contract.table)
        if snapshot is not None:
            schemas[contract.table] = column_types(snapshot.schema)
    for other in workspace.project.models:
        schemas[other.table] = {column.name: column.type for column in other.columns}
    try:
        return trace(model, schemas)
    except ModelError:
        return {
            column.name: tuple(Origin(table, column.name) for table, types in schemas.items() if column.name in types)
            for column in model.columns
        }
