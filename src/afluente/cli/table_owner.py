"""Who answers for a table of the lake, and what of the project makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from afluente.core.tables import TableName
    from afluente.project.settings import Project


def owner_and_maker(project: Project, table: TableName) -> tuple[str, str]:
    """Who answers for a table, and what makes it."""
    for model in project.models:
        if model.table == table:
            return model.owner, f"model {model.place.file}"
    for contract in project.contracts:
        if contract.table == table:
            return contract.owner, f"contract {contract.place.file}"
        if contract.table.name == table.name and table.layer in ("quarantine", "repairs"):
            return contract.owner, f"contract {contract.place.file}"
    for source in project.sources:
        if table in source.into:
            return "", f"source {source.name}"
        if any(table.layer == "quarantine" and table.name == f"bronze_{into.name}" for into in source.into):
            return "", f"source {source.name}"
    if project.fleet is not None and any(table == one.table for one in project.fleet.lists):
        return "", "the fleet's hub"
    return "", "nothing in this project"
