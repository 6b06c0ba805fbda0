"""Everything about one table: its columns, its rules and how they went, its origin, its history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from afluente.cli.console import Console
from afluente.cli.table_owner import owner_and_maker
from afluente.cli.words import age_text, figures_text, moment_text, size_text
from afluente.core.errors import AfluenteError

if TYPE_CHECKING:
    from afluente.lake.snapshot import Snapshot
    from afluente.project.contract import Contract
    from afluente.project.model import Model
    from afluente.runs.steps.workspace import Workspace
    from afluente.state.quality_outcomes import RecordedOutcome

COMMITS = 10
_OUTCOMES = 200


def show_table(workspace: Workspace, snapshot: Snapshot, console: Console) -> None:
    """Tell what the project and the lake know of a table."""
    table, project = snapshot.table, workspace.project
    contract = next((c for c in project.contracts if c.table == table), None)
    model = next((m for m in project.models if m.table == table), None)
    owner, made_by = owner_and_maker(project, table)
    columns = _columns(workspace, snapshot, contract, model)
    rules = _rules(contract)
    outcomes = _latest(workspace, str(table))
    commits = [
        {
            "version": entry.version,
            "committed": entry.committed_at if console.is_json else moment_text(entry.committed_at),
            "mode": entry.info.get("afluente.mode", entry.info.get("operation", "")),
            "rows added": sum(file.rows or 0 for file in entry.added),
            "files +": len(entry.added),
            "files -": len(entry.removed),
            "run": entry.info.get("afluente.run", ""),
        }
        for entry in workspace.lake.history(table, limit=COMMITS)
    ]
    head = {
        "table": str(table),
        "description": (contract.description if contract else model.description if model else ""),
        "owner": owner,
        "made by": made_by,
        "rows": snapshot.rows,
        "size": snapshot.size_bytes if console.is_json else size_text(snapshot.size_bytes),
        "files": len(snapshot.live),
        "version": snapshot.version,
        "changed": snapshot.committed_at
        if console.is_json
        else f"{age_text(snapshot.committed_at)} ago ({moment_text(snapshot.committed_at)})",
        "partitioned by": list(snapshot.partition_by) if console.is_json else ", ".join(snapshot.partition_by),
        "written by others": snapshot.obstacle,
    }
    if console.is_json:
        story = {"columns": columns, "rules": rules, "outcomes": [_outcome(one) for one in outcomes]}
        console.json({**head, **story, "history": commits})
        return
    for name, value in head.items():
        if value not in ("", None):
            console.data(f"{name:<18}{f'{value:,}' if isinstance(value, int) else value}")
    console.data("")
    console.table([_flat(column) for column in columns], title="columns")
    if rules:
        console.table(rules, title="rules of the contract")
    if outcomes:
        console.table([_flat(_outcome(one)) for one in outcomes], title="how the rules went last")
    console.table(commits, title="history")


def _columns(
    workspace: Workspace, snapshot: Snapshot, contract: Contract | None, model: Model | None
) -> list[dict[str, object]]:
    from afluente.runs.steps.model_step import column_types

    types = column_types(snapshot.schema)
    declared = {column.name: column for column in (contract.columns if contract else ())}
    modelled = {column.name: column for column in (model.columns if model else ())}
    origins = {} if model is None else _lineage(workspace, model)
    rows: list[dict[str, object]] = []
    for name, kind in types.items():
        row: dict[str, object] = {"column": name, "type": kind}
        column = declared.get(name) or modelled.get(name)
        if column is not None:
            row["classification"] = column.classification
        if name in declared:
            row["format"] = declared[name].format or declared[name].logical_type
            row["comes from"] = [f"{contract.source}.{declared[name].source}"] if contract and contract.source else []
        elif name in origins:
            row["comes from"] = origins[name]
        if column is not None:
            row["description"] = column.description
        rows.append(row)
    return rows


def _lineage(workspace: Workspace, model: Model) -> dict[str, list[str]]:
    from afluente.models.graph import tables_read
    from afluente.models.lineage import trace
    from afluente.runs.steps.schemas import declared_schemas

    schemas = declared_schemas(workspace.project, workspace.lake)
    try:
        found = trace(model, {table: schemas[table] for table in tables_read(model) if table in schemas})
    except AfluenteError:
        return {}
    return {name: [str(origin) for origin in origins] for name, origins in found.items()}


def _rules(contract: Contract | None) -> list[dict[str, object]]:
    if contract is None:
        return []
    rules: list[dict[str, object]] = [
        {
            "rule": rule.name,
            "about": rule.column or ", ".join(_texts(rule.arguments.get("properties"))) or "the table",
            "demands": ", ".join(f"{operator} {threshold}" for operator, threshold in rule.checks),
            "unit": rule.unit,
            "severity": rule.severity,
        }
        for rule in contract.quality
    ]
    rules += [
        {"rule": rule.name, "about": ", ".join(rule.columns), "demands": rule.expression, "severity": rule.on_invalid}
        for rule in contract.row_rules
    ]
    rules += [
        {
            "rule": "references",
            "about": ", ".join(reference.columns),
            "demands": f"in {reference.table} ({', '.join(reference.to_columns)})",
            "severity": reference.on_invalid,
        }
        for reference in contract.references
    ]
    return rules


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list | tuple) else []


def _latest(workspace: Workspace, table: str) -> list[RecordedOutcome]:
    """The outcomes of the last run that asked the table's rules."""
    from afluente.state import quality_outcomes

    with workspace.state.read() as connection:
        found = quality_outcomes.of_table(connection, table, limit=_OUTCOMES)
    return [one for one in found if one.run_id == found[-1].run_id] if found else []


def _outcome(recorded: RecordedOutcome) -> dict[str, object]:
    fields = asdict(recorded.outcome)
    del fields["table"]
    return {"run": recorded.run_id, **fields}


def _flat(row: Mapping[str, object]) -> dict[str, object]:
    shown: dict[str, object] = {}
    for name, value in row.items():
        if isinstance(value, list):
            shown[name] = ", ".join(str(item) for item in value)
        elif isinstance(value, Mapping):
            shown[name] = figures_text(value)
        elif name not in ("run", "message"):
            shown[name] = value
    return shown
