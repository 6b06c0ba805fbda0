"""The rules of a contract asked of a table that is about to be committed.

Invariant: a unique column and a primary key are rules too, of severity error, whether or not the contract says so a
second time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from afluente.conform.quality.evaluate import evaluate
from afluente.conform.quality.outcome import Outcome
from afluente.conform.spark_types import spark_type_of
from afluente.core.tables import TableName
from afluente.engines.engine import Engine
from afluente.models.parse import parse_query
from afluente.models.spark_types import parse_type, quote
from afluente.models.translate import translate
from afluente.project.contract import Contract, Operator, QualityRule, Threshold
from afluente.runs.outcome import StepOutcome
from afluente.runs.steps.workspace import Workspace
from afluente.state.quality_outcomes import QualityOutcome


def ask_rules(
    workspace: Workspace,
    contract: Contract | None,
    register: Callable[[], None],
    view: str,
    *,
    engine: Engine,
    schemas: Mapping[TableName, pa.Schema],
) -> list[QualityOutcome]:
    """Every rule's outcome, each by itself; without rules the table is not read.

    `register` makes the table readable as `view`; `schemas` are those of the table and of the others a query may name.
    """
    rules = [] if contract is None else [*contract.quality, *implied_rules(contract)]
    if contract is None or not rules:
        return []
    register()
    outcomes = evaluate(
        rules,
        contract,
        view,
        engine,
        language=workspace.project.language,
        timezone=workspace.project.timezone,
        translate=lambda sql: _translated(sql, contract, view, schemas),
        clock=workspace.clock,
    )
    engine.drop(view)
    return [_recorded(contract, outcome) for outcome in outcomes]


def implied_rules(contract: Contract) -> list[QualityRule]:
    """What `unique` and `primaryKey` promise, as rules."""
    no_duplicates: tuple[tuple[Operator, Threshold], ...] = (("mustBe", 0),)
    rules = [
        QualityRule(
            f"unique {column.name}", "library", column.place, column.name, "duplicateValues", checks=no_duplicates
        )
        for column in contract.columns
        if column.unique
    ]
    key = [column.name for column in contract.columns if column.primary_key_position]
    if key:
        rules.append(
            QualityRule(
                f"primary key {', '.join(contract.keys)}",
                "library",
                contract.place,
                metric="duplicateValues",
                checks=no_duplicates,
                arguments={"properties": list(contract.keys)},
            )
        )
    return rules


def refusal(outcomes: Sequence[QualityOutcome]) -> QualityOutcome | None:
    """The first outcome that forbids the commit: an error-severity rule that failed or could not be executed."""
    return next((o for o in outcomes if o.severity == "error" and o.status != "passed"), None)


def refused_by(rule: QualityOutcome, outcome: StepOutcome, *, hint: str) -> StepOutcome:
    """The outcome of a step whose table a rule refuses."""
    return replace(
        outcome,
        status="refused",
        error_code="data.rule_broken",
        error_message=f"table {rule.table}: {rule.message}",
        error_hint=hint,
    )


def _translated(sql: str, contract: Contract, view: str, schemas: Mapping[TableName, pa.Schema]) -> str:
    table = contract.table
    typed = {
        name: {field.name: parse_type(spark_type_of(field.type)) for field in schema}
        for name, schema in schemas.items()
    }
    tree = parse_query(sql.replace(f"`{view}`", str(table)), file=contract.place.file, first_line=1)
    translation = translate(tree, typed, file=contract.place.file)
    return translation.sql.replace(quote(table.view), quote(view))


def _recorded(contract: Contract, outcome: Outcome) -> QualityOutcome:
    return QualityOutcome(
        table=str(contract.table),
        rule=outcome.rule.name,
        severity=outcome.rule.severity,
        status=outcome.status,
        column=outcome.rule.column,
        measured=dict(outcome.values),
        threshold=outcome.threshold,
        message=outcome.text,
    )
