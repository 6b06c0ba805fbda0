"""The versions of the tables that a release is made from, pinned once for all of its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from afluente.core.errors import UsageError
from afluente.core.tables import TableName
from afluente.products.release.periods import DataSpan

if TYPE_CHECKING:
    from afluente.project.product import Output, Product
    from afluente.runs.steps.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Inputs:
    """Versions by table, and when each was committed; `table_ids` tell a table made anew from the one before."""

    versions: Mapping[TableName, int]
    table_ids: Mapping[TableName, str]
    committed_at: Mapping[TableName, datetime]

    @property
    def as_of(self) -> datetime:
        """When the newest of them was committed."""
        return max(self.committed_at.values())

    def of(self, table: TableName) -> dict[TableName, int]:
        """The pin of one table, as a question to the lake takes it."""
        return {table: self.versions[table]}


def pin_inputs(workspace: Workspace, product: Product) -> Inputs:
    """The newest versions of the product's facts. UsageError when one of them was never made."""
    versions: dict[TableName, int] = {}
    ids: dict[TableName, str] = {}
    committed: dict[TableName, datetime] = {}
    for table in sorted({output.facts for output in product.outputs}):
        snapshot = workspace.lake.find(table)
        if snapshot is None:
            raise UsageError(
                "release.facts_missing",
                f"product {product.name}: table {table} does not exist yet",
                hint=f"make it first: afluente run {table}",
            )
        versions[table] = snapshot.version
        ids[table] = snapshot.table_id
        committed[table] = snapshot.committed_at
    return Inputs(versions, ids, committed)


def data_span(workspace: Workspace, output: Output, inputs: Inputs) -> DataSpan | None:
    """The days the output's facts have; None when no row is the output's."""
    from afluente.runs.steps.query import ask

    day = f"CAST(`{output.period_column}` AS DATE)"
    first = f"min(CASE WHEN {output.where} THEN {day} END)" if output.where else f"min({day})"
    answer = ask(
        workspace, f"SELECT {first} AS first, max({day}) AS newest FROM {output.facts}", at=inputs.of(output.facts)
    )
    row = answer.read_all().to_pylist()[0]
    if row["first"] is None or row["newest"] is None:
        return None
    return DataSpan(_day(row["first"]), _day(row["newest"]))


def _day(value: object) -> date:
    if not isinstance(value, date):
        raise AssertionError(f"a day came as {type(value).__name__}")
    return value
