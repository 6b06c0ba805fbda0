"""How many values each repair rule changed in each run, with samples.

Invariant: samples are kept only of columns that are not restricted; whoever records them says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from afluente.state.schema import REPAIRS

MAX_SAMPLES = 10


@dataclass(frozen=True, slots=True)
class Repair:
    """Rows changed by one rule in one column; `samples` pairs what was with what it became."""

    table: str
    column: str
    rule: str
    rows: int
    samples: tuple[tuple[str, str], ...] = ()
    is_restricted: bool = False


@dataclass(frozen=True, slots=True)
class RecordedRepair:
    """A repair with the run and step it came from."""

    run_id: str
    step: str
    repair: Repair


def replace_for_step(connection: sa.Connection, run_id: str, step: str, repairs: Sequence[Repair]) -> None:
    """Record a step's repairs in the place of those it recorded before; samples of restricted columns are dropped."""
    connection.execute(sa.delete(REPAIRS).where(REPAIRS.c.run_id == run_id, REPAIRS.c.step == step))
    rows = [
        {
            "run_id": run_id,
            "step": step,
            "table_name": repair.table,
            "column_name": repair.column,
            "rule": repair.rule,
            "rows": repair.rows,
            "samples": [] if repair.is_restricted else [list(pair) for pair in repair.samples[:MAX_SAMPLES]],
        }
        for repair in repairs
    ]
    if rows:
        connection.execute(sa.insert(REPAIRS), rows)


def of_run(connection: sa.Connection, run_id: str) -> list[RecordedRepair]:
    query = sa.select(REPAIRS).where(REPAIRS.c.run_id == run_id).order_by(REPAIRS.c.id)
    return [
        RecordedRepair(
            run_id=row.run_id,
            step=row.step,
            repair=Repair(
                table=row.table_name,
                column=row.column_name,
                rule=row.rule,
                rows=row.rows,
                samples=tuple((before, after) for before, after in row.samples),
            ),
        )
        for row in connection.execute(query)
    ]
