"""Values as a contract means them: the same column's own cleaning, used to recognise a person in what came dirty.

Invariant: two texts that conform to one silver value have one canonical text; what cannot be read has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from afluente.core.errors import Place
from afluente.core.tables import TableName
from afluente.project.contract import Column, Contract

if TYPE_CHECKING:
    from afluente.runs.steps.workspace import Workspace

_NOWHERE = Place("erase")


def text_of(value: object) -> str | None:
    """A typed value as the text it is compared by."""
    if value is None:
        return None
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)


def canonical_values(workspace: Workspace, column: Column, texts: Iterable[object]) -> dict[str, str]:
    """From each text that can be read as the column to its canonical text."""
    import pyarrow as pa

    from afluente.conform.in_memory import apply

    given = sorted({text for value in texts if (text := text_of(value)) is not None})
    if not given:
        return {}
    alone = replace(
        column,
        name="value",
        source="value",
        expression=None,
        required=False,
        unique=False,
        primary_key_position=0,
        partition_position=0,
        on_invalid="quarantine",
        on_missing="keep",
        default=None,
        state_column=None,
    )
    contract = Contract("erase", "1.0.0", TableName("silver", "erase"), (alone,), _NOWHERE, "")
    project = workspace.project
    engine = workspace.engine if project.engine.kind == "duckdb" else None
    rows = pa.table({"value": pa.array(given, pa.string())})
    done = apply(rows, contract, engine=engine, timezone=project.timezone)
    refused = set(done.quarantine.column("_source_row").to_pylist())
    accepted = iter(done.accepted.column("value").to_pylist())
    read = {text: text_of(next(accepted)) for row, text in enumerate(given, 1) if row not in refused}
    return {text: value for text, value in read.items() if value is not None}
