"""`afluente quarantine`: the rows that were refused, why, and bringing them back."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from afluente.cli.console import Console
from afluente.cli.opening import open_workspace
from afluente.cli.words import moment_text
from afluente.core.errors import UsageError
from afluente.core.nearest import did_you_mean
from afluente.core.tables import TableName

if TYPE_CHECKING:
    from afluente.lake.snapshot import Snapshot
    from afluente.runs.steps.workspace import Workspace

MASK = "***"
_VIEW = "quarantine_shown"
_OWN = ("_quarantine_id", "_table", "_source", "_source_row", "_ingested_at", "_run_id", "failures", "quarantined_at")


def run(arguments: Namespace, console: Console) -> int:
    with open_workspace(arguments) as workspace:
        match arguments.action:
            case "show":
                _show(workspace, arguments, console)
                return 0
            case "replay":
                return _replay(workspace, arguments.table, console)
            case _:
                _summary(workspace, console)
                return 0


def _summary(workspace: Workspace, console: Console) -> None:
    language = workspace.project.language
    rows: list[dict[str, object]] = []
    for table in workspace.lake.tables():
        if table.layer != "quarantine":
            continue
        _register(workspace, workspace.lake.snapshot(table))
        found = workspace.engine.query(
            "SELECT f.rule AS rule, f.column_ AS col, f.reason AS reason, f.reason_en AS reason_en,"
            " count(*) AS n, sum(CASE WHEN back THEN 1 ELSE 0 END) AS back FROM"
            f" ({_exploded(workspace)}) AS f GROUP BY f.rule, f.column_, f.reason, f.reason_en ORDER BY n DESC, rule, col"
        ).to_pylist()
        rows += [
            {
                "table": table.name if table.name.startswith("bronze_") else f"silver.{table.name}",
                "rule": one["rule"],
                "column": one["col"],
                "rows": int(one["n"]) - int(one["back"]),
                "brought back": int(one["back"]),
                "reason": one["reason"] if language == "pt" else one["reason_en"],
                "reason_en" if language == "pt" else "reason_pt": one["reason_en" if language == "pt" else "reason"],
            }
            for one in found
        ]
        workspace.engine.drop(_VIEW)
    if not rows and not console.is_json:
        console.note("no row was refused")
        return
    console.table(rows)
    if not console.is_json:
        console.note("see the rows: afluente quarantine show TABLE; a row may break more than one rule")


def _exploded(workspace: Workspace) -> str:
    """One row for each failure of each row."""
    if workspace.engine.describe().dialect == "duckdb":
        fields = 'x.f.rule AS rule, x.f."column" AS column_, x.f.reason AS reason, x.f.reason_en AS reason_en, id'
        return f"SELECT {fields}, back FROM (SELECT unnest(failures) AS f, _quarantine_id AS id, replayed_at IS NOT NULL AS back FROM {_VIEW}) AS x"
    fields = "x.f.rule AS rule, x.f.`column` AS column_, x.f.reason AS reason, x.f.reason_en AS reason_en, id"
    return f"SELECT {fields}, back FROM (SELECT explode(failures) AS f, _quarantine_id AS id, replayed_at IS NOT NULL AS back FROM {_VIEW}) AS x"


def _register(workspace: Workspace, snapshot: Snapshot) -> None:
    workspace.engine.register(_VIEW, snapshot.files, snapshot.schema)


def _show(workspace: Workspace, arguments: Namespace, console: Console) -> None:
    if arguments.limit < 1:
        raise UsageError("quarantine.limit", f"--limit {arguments.limit} is below 1")
    snapshot = _quarantine_of(workspace, arguments.table)
    _register(workspace, snapshot)
    where = f" WHERE {_has_rule(workspace, arguments.rule)}" if arguments.rule else ""
    found = workspace.engine.query(
        f"SELECT * FROM {_VIEW}{where} ORDER BY quarantined_at DESC, _source, _source_row LIMIT {arguments.limit}"
    ).to_pylist()
    if arguments.rule and not found:
        console.note(f"no row of {snapshot.table} broke the rule '{arguments.rule}'")
    hidden = frozenset() if arguments.reveal else _restricted(workspace, snapshot.table)
    if console.is_json:
        console.json([_masked(row, hidden) for row in found])
        return
    language = workspace.project.language
    for row in found:
        shown = _masked(row, hidden)
        back = f", brought back {moment_text(row['replayed_at'])}" if row["replayed_at"] else ""
        console.data(f"{row['_source']}, row {row['_source_row']}, refused {moment_text(row['quarantined_at'])}{back}")
        for failure in _failures(row, hidden):
            reason = failure["reason"] if language == "pt" else failure["reason_en"]
            value = "" if failure["value"] is None else f" '{failure['value']}'"
            place = f"{failure['column']}{value}: " if failure["column"] else ""
            console.data(f"  [{failure['rule']}] {place}{reason}")
        told = [f"{k}={v}" for k, v in shown.items() if k not in (*_OWN, "replayed_at") and v is not None]
        console.data(f"  {', '.join(told)}")
    rest = snapshot.rows - len(found)
    if rest > 0 and not where:
        console.note(f"{rest:,} more rows; --limit shows more")
    if hidden and found:
        console.note("restricted columns are masked; --reveal shows them")


def _has_rule(workspace: Workspace, rule: str) -> str:
    from afluente.conform.engine_dialect import dialect_of

    dialect = dialect_of(workspace.engine)
    return f"_quarantine_id IN (SELECT e.id FROM ({_exploded(workspace)}) AS e WHERE e.rule = {dialect.literal(rule)})"


def _quarantine_of(workspace: Workspace, text: str) -> Snapshot:
    name = text.rpartition(".")[2]
    if text.startswith("bronze."):
        name = f"bronze_{name}"
    known = {table.name: table for table in workspace.lake.tables() if table.layer == "quarantine"}
    if name not in known:
        contracts = {str(c.table) for c in workspace.project.contracts}
        asked = text if "." in text else f"silver.{text}"
        if asked in contracts:
            raise UsageError("quarantine.empty", f"no row of {asked} was refused", hint="see `afluente tables list`")
        hint = did_you_mean(asked, contracts)
        raise UsageError("quarantine.table_unknown", f"'{text}' has no quarantine", hint=hint)
    return workspace.lake.snapshot(known[name])


def _restricted(workspace: Workspace, quarantine: TableName) -> frozenset[str]:
    """Bronze and silver names of restricted columns. Lines that could not be read may hold anything: all is hidden."""
    if quarantine.name.startswith("bronze_"):
        return frozenset({"_text", ""})
    contract = next((c for c in workspace.project.contracts if c.table.name == quarantine.name and c.source), None)
    if contract is None:
        return frozenset({""})
    hidden = {name for column in contract.columns if column.is_restricted for name in (column.name, column.source)}
    known = {column.source for column in contract.columns}
    snapshot = workspace.lake.snapshot(quarantine)
    unclassified = {name for name in snapshot.schema.names if name not in known and name not in _OWN}
    return frozenset(hidden | (unclassified - {"replayed_at"} if hidden else set()))


def _masked(row: dict[str, object], hidden: frozenset[str]) -> dict[str, object]:
    shown = {name: MASK if name in hidden and value is not None else value for name, value in row.items()}
    return shown | {"failures": _failures(row, hidden)}


def _failures(row: dict[str, object], hidden: frozenset[str]) -> list[dict[str, str]]:
    failures = row["failures"]
    return [
        failure | {"value": MASK if _is_hidden(failure["column"], hidden) and failure["value"] else failure["value"]}
        for failure in (failures if isinstance(failures, list) else [])
    ]


def _is_hidden(columns: str, hidden: frozenset[str]) -> bool:
    return any(name.strip() in hidden for name in columns.split(","))


def _replay(workspace: Workspace, text: str, console: Console) -> int:
    from afluente.cli.carry_out import carry_out, runs_of, tell
    from afluente.cli.run_view import RunView
    from afluente.runs.steps.replay import contract_of, replay_plan

    contract = contract_of(workspace.project, text)
    quarantine = TableName("quarantine", contract.table.name)
    if not workspace.lake.exists(quarantine):
        raise UsageError(
            "quarantine.empty", f"no row of {contract.table} was refused", hint="there is nothing to bring back"
        )
    if contract.write in ("replace", "replace_partitions"):
        console.note(f"{contract.table} is made whole at each run: it is made anew from all rows of {contract.source}")
    before = _waiting(workspace, quarantine)
    plan = replay_plan(contract)
    with RunView(console) as view:
        runs = runs_of(workspace, view)
        report = carry_out(
            workspace,
            runs,
            view,
            lambda runs, engine: runs.execute(
                plan,
                asked_tables=(str(contract.table),),
                engine=engine.engine,
                engine_version=engine.version,
            ),
        )
    tell(workspace, report, console)
    if not console.is_json and report.run.status == "done":
        _tell_replay(before, _waiting(workspace, quarantine), console)
    return report.exit_status


def _waiting(workspace: Workspace, quarantine: TableName) -> int:
    _register(workspace, workspace.lake.snapshot(quarantine))
    rows = workspace.engine.query(f"SELECT count(*) AS n FROM {_VIEW} WHERE replayed_at IS NULL").to_pylist()
    workspace.engine.drop(_VIEW)
    return int(rows[0]["n"])


def _tell_replay(before: int, after: int, console: Console) -> None:
    console.note(f"{max(before - after, 0):,} rows came back, {after:,} still wait in quarantine")
    if before > after:
        console.note("bring what is made from them up to date: afluente run")
    elif after:
        console.note("correct the contract or the data first; see why: afluente quarantine summary")
