"""`afluente tables`: what the lake holds, how fresh it is, and its upkeep."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from afluente.cli.console import Console
from afluente.cli.opening import open_workspace
from afluente.cli.table_owner import owner_and_maker
from afluente.cli.table_story import show_table
from afluente.cli.words import age_text, size_text, table_name
from afluente.core.errors import UsageError
from afluente.core.nearest import did_you_mean

if TYPE_CHECKING:
    from afluente.core.tables import TableName
    from afluente.lake.snapshot import Snapshot
    from afluente.runs.steps.workspace import Workspace


def run(arguments: Namespace, console: Console) -> int:
    with open_workspace(arguments) as workspace:
        match arguments.action:
            case "show":
                show_table(workspace, existing(workspace, arguments.name), console)
            case "optimize":
                _optimize(workspace, existing(workspace, arguments.name).table, console)
            case "vacuum":
                _vacuum(workspace, arguments, console)
            case _:
                _list(workspace, console)
    return 0


def existing(workspace: Workspace, text: str) -> Snapshot:
    """The table somebody typed, at its newest version. UsageError when the lake has none."""
    names = [str(name) for name in workspace.lake.tables()]
    table = table_name(text, names)
    found = workspace.lake.find(table)
    if found is None:
        made = {str(model.table) for model in workspace.project.models}
        made |= {str(contract.table) for contract in workspace.project.contracts}
        made |= {str(name) for source in workspace.project.sources for name in source.into}
        hint = f"make it first: afluente run {table}" if str(table) in made else did_you_mean(str(table), names)
        raise UsageError("tables.unknown", f"table {table} does not exist", hint=hint)
    return found


def _list(workspace: Workspace, console: Console) -> None:
    now = datetime.now(UTC)
    rows: list[dict[str, object]] = []
    for table in workspace.lake.tables():
        snapshot = workspace.lake.snapshot(table)
        owner, made_by = owner_and_maker(workspace.project, table)
        rows.append(
            {
                "table": str(table),
                "rows": snapshot.rows,
                "size": snapshot.size_bytes if console.is_json else size_text(snapshot.size_bytes),
                "files": len(snapshot.live),
                "version": snapshot.version,
                "changed": snapshot.committed_at if console.is_json else f"{age_text(snapshot.committed_at, now)} ago",
                "owner": owner,
                "made by": made_by,
            }
        )
    if not rows and not console.is_json:
        console.note("the lake has no tables yet; `afluente run` makes them")
        return
    console.table(rows)


def _optimize(workspace: Workspace, table: TableName, console: Console) -> None:
    done = workspace.lake.optimize(table)
    if console.is_json:
        console.json(
            {
                "table": str(table),
                "version": done.version,
                "files_before": done.files_before,
                "files_after": done.files_after,
            }
        )
    elif done.files_before == done.files_after:
        console.note(f"{table} has {done.files_before} files, and no two small ones to join")
    else:
        console.note(f"{table}: {done.files_before} files became {done.files_after}, version {done.version}")


def _vacuum(workspace: Workspace, arguments: Namespace, console: Console) -> None:
    table = existing(workspace, arguments.name).table
    if arguments.retention_hours < 0:
        raise UsageError("tables.retention", f"--retention-hours {arguments.retention_hours:g} is below 0")
    done = workspace.lake.vacuum(table, arguments.retention_hours, dry_run=not arguments.yes, full=arguments.full)
    if console.is_json:
        console.json(
            {
                "table": str(table),
                "files": list(done.files),
                "size_bytes": done.size_bytes,
                "is_dry_run": done.is_dry_run,
            }
        )
        return
    for file in done.files:
        console.data(file)
    noun = "file" if len(done.files) == 1 else "files"
    if done.is_dry_run:
        again = "; --yes deletes them" if done.files else ""
        console.note(f"{table}: {len(done.files)} {noun}, {size_text(done.size_bytes)}, would be deleted{again}")
    else:
        console.note(f"{table}: {len(done.files)} {noun}, {size_text(done.size_bytes)}, deleted")
