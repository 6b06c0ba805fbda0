"""The outcome of every quality rule of every run, each by itself.

Invariant: a step that is repeated replaces its outcomes; they are never counted twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from afluente.state.json_value import Json
from afluente.state.schema import QUALITY_OUTCOMES

OutcomeStatus = Literal["passed", "failed", "error"]


@dataclass(frozen=True, slots=True)
class QualityOutcome:
    """One rule's outcome. `measured` holds counts and percentages, never a value of a restricted column.

    `status` is error when the rule could not be executed. `severity` is error, warning or info.
    """

    table: str
    rule: str
    severity: str
    status: OutcomeStatus
    column: str | None = None
    measured: Mapping[str, Json] = field(default_factory=dict)
    threshold: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """An outcome with the run and step it came from."""

    run_id: str
    step: str
    at: datetime
    outcome: QualityOutcome


def replace_for_step(
    connection: sa.Connection, run_id: str, step: str, outcomes: Sequence[QualityOutcome], *, at: datetime
) -> None:
    connection.execute(
        sa.delete(QUALITY_OUTCOMES).where(QUALITY_OUTCOMES.c.run_id == run_id, QUALITY_OUTCOMES.c.step == step)
    )
    rows = []
    for outcome in outcomes:
        values = asdict(outcome)
        values["table_name"] = values.pop("table")
        values["column_name"] = values.pop("column")
        rows.append(values | {"measured": dict(outcome.measured), "run_id": run_id, "step": step, "at": at})
    if rows:
        connection.execute(sa.insert(QUALITY_OUTCOMES), rows)


def of_run(connection: sa.Connection, run_id: str) -> list[RecordedOutcome]:
    return _read(connection, sa.select(QUALITY_OUTCOMES).where(QUALITY_OUTCOMES.c.run_id == run_id))


def of_table(connection: sa.Connection, table: str, *, limit: int = 100) -> list[RecordedOutcome]:
    """The newest outcomes for a table, the oldest of them first."""
    query = sa.select(QUALITY_OUTCOMES).where(QUALITY_OUTCOMES.c.table_name == table)
    newest = query.order_by(QUALITY_OUTCOMES.c.id.desc()).limit(limit).subquery()
    return _read(connection, sa.select(newest))


def _read(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> list[RecordedOutcome]:
    rows = connection.execute(query.order_by(query.selected_columns["id"]))
    return [
        RecordedOutcome(
            run_id=row.run_id,
            step=row.step,
            at=row.at,
            outcome=QualityOutcome(
                table=row.table_name,
                rule=row.rule,
                severity=row.severity,
                status=row.status,
                column=row.column_name,
                measured=row.measured,
                threshold=row.threshold,
                message=row.message,
            ),
        )
        for row in rows
    ]
