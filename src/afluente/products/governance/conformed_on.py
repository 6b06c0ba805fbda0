"""Silver tables conformed from other silver tables: what of a person they have from the table they come from.

Invariant: a column that hands on a direct identifier is one, whatever its own contract calls it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from afluente.core.tables import TableName
from afluente.project.contract import Column, Contract
from afluente.project.settings import Project

Contracts = Mapping[TableName, Contract]


def silver_contracts(project: Project) -> dict[TableName, Contract]:
    """The contracts of the project, what is conformed from silver behind what it comes from."""
    waiting = {contract.table: contract for contract in project.contracts}
    done: dict[TableName, Contract] = {}
    while waiting:
        for table, contract in [*waiting.items()]:
            if contract.source not in waiting or contract.source == table:
                done[table] = _classified(contract, done)
                del waiting[table]
    return done


def made_from(contract: Contract, contracts: Contracts) -> Contract | None:
    """The contract of the silver table that it is conformed from; None where it comes from bronze."""
    return None if contract.source is None else contracts.get(contract.source)


def steps_from_bronze(contract: Contract, contracts: Contracts) -> int:
    """How many silver tables stand between it and bronze."""
    earlier = made_from(contract, contracts)
    return 0 if earlier is None else 1 + steps_from_bronze(earlier, contracts)


def handed_to(contract: Contract, name: str, contracts: Contracts) -> Iterator[tuple[Contract, Column]]:
    """Columns of the tables conformed from this one that hold the values of its column."""
    for later in contracts.values():
        if later.source == contract.table:
            for column in later.columns:
                if column.expression is None and column.source == name:
                    yield later, column


def _classified(contract: Contract, contracts: Contracts) -> Contract:
    earlier = made_from(contract, contracts)
    if earlier is None:
        return contract
    direct = {column.name for column in earlier.columns if column.classification == "direct_identifier"}
    columns = tuple(
        replace(column, classification="direct_identifier")
        if column.expression is None and column.source in direct
        else column
        for column in contract.columns
    )
    return replace(contract, columns=columns)
