"""Rows conformed into new files of a contract's silver, quarantine and repairs tables.

Invariant: nothing is committed here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa

from afluente.conform.compile import Compiled, compile_contract
from afluente.conform.engine_dialect import dialect_of
from afluente.conform.execute import BronzeFile, Conformed, Folders, conform_files
from afluente.conform.report import Report
from afluente.core.tables import TableName
from afluente.models.expression_text import translate_expression
from afluente.project.contract import Contract
from afluente.runs.steps.workspace import Workspace
from afluente.state.json_value import Json


def conform_rows(
    workspace: Workspace,
    contract: Contract,
    schema: pa.Schema,
    files: Sequence[BronzeFile],
    *,
    existing: str | None,
    run_id: str,
    moment: str,
    progress: Callable[[int, int], None],
) -> tuple[Compiled, Conformed]:
    """Conform files of `schema`; the tables that references name are registered already. See `conform_files`.

    `progress` is told how many of how many rows are done.
    """
    compiled = compile_contract(
        contract,
        schema,
        dialect_of(workspace.engine),
        timezone=workspace.project.timezone,
        translate=translate_expression,
    )
    total = sum(file.rows for file in files)
    done = 0

    def tell(rows: int) -> None:
        nonlocal done
        done += rows
        progress(done, total)

    name = contract.table.name
    tables = (contract.table, TableName("quarantine", name), TableName("repairs", name))
    conformed = conform_files(
        workspace.engine,
        compiled,
        files,
        schema,
        Folders(*(workspace.lake.address(table) for table in tables)),
        run_id=run_id,
        moment=moment,
        existing=existing,
        progress=tell,
    )
    return compiled, conformed


def rejects(report: Report) -> list[Json]:
    """For what rows were refused, as a step's details tell it."""
    return [
        {"rule": count.rule, "column": count.column, "effect": count.effect, "rows": count.rows}
        for count in report.counts
        if count.effect in ("quarantine", "drop")
    ]
