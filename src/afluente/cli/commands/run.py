"""`afluente run`: bring in what is new and refine it."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from afluente.cli.console import Console
from afluente.cli.opening import open_workspace, project_fingerprint, project_folder
from afluente.runs.steps.quiet import QuietRun, make_stamp, quiet_run, save_stamp

if TYPE_CHECKING:
    from pathlib import Path

    from afluente.runs.plan import Plan
    from afluente.runs.report import RunReport
    from afluente.runs.steps.workspace import Workspace


def run(arguments: Namespace, console: Console) -> int:
    folder = project_folder(arguments)
    asked = tuple(arguments.tables)
    digest = project_fingerprint(folder)
    if not arguments.full_refresh:
        quiet = quiet_run(folder, fingerprint=digest, asked=asked)
        if quiet is not None:
            _tell_quiet(quiet, console)
            return 0
    with open_workspace(arguments) as workspace:
        return _run(workspace, arguments, console, digest)


def _run(workspace: Workspace, arguments: Namespace, console: Console, digest: str) -> int:
    from afluente.cli.carry_out import carry_out, runs_of, tell
    from afluente.cli.run_view import RunView
    from afluente.models.graph import tables_read
    from afluente.runs.steps.planning import plan_tables

    asked = tuple(arguments.tables)
    plan = plan_tables(workspace.project, tables_read, asked, is_full_refresh=arguments.full_refresh)
    with RunView(console) as view:
        runs = runs_of(workspace, view)
        report: RunReport | None = None
        if not arguments.full_refresh and _stamp_if_quiet(workspace, plan, digest, asked):
            report = runs.record_unchanged(plan, asked_tables=asked)
        if report is None:
            report = carry_out(
                workspace,
                runs,
                view,
                lambda runs, engine: runs.execute(
                    plan, asked_tables=asked, engine=engine.engine, engine_version=engine.version
                ),
            )
            if report.run.status == "done" and not arguments.full_refresh:
                _stamp_if_quiet(workspace, plan, digest, asked)
    for recovered in report.recovered:
        console.note(f"run {recovered.run.id}, which was interrupted, was ended first: {recovered.run.status}")
    tell(workspace, report, console)
    return report.exit_status


def _stamp_if_quiet(workspace: Workspace, plan: Plan, digest: str, asked: tuple[str, ...]) -> bool:
    """Whether there is nothing to do; the stamp is of the moment before the steps were asked."""
    from afluente.runs.steps.news import has_news

    stamp = make_stamp(workspace, plan, fingerprint=digest, asked=asked)
    if has_news(workspace, plan):
        return False
    root: Path = workspace.project.root
    if stamp is not None:
        save_stamp(root, stamp)
    return True


def _tell_quiet(quiet: QuietRun, console: Console) -> None:
    if not console.is_json:
        console.note(f"run {quiet.run_id} done: nothing new, 0.0 s")
        return
    from afluente.cli.run_view import STEP_FIELDS

    steps = [dict.fromkeys(STEP_FIELDS) | {"name": n, "status": "unchanged", "attempt": 0} for n, _ in quiet.steps]
    run = {"run": quiet.run_id, "status": "done", "engine": "", "engine_version": ""}
    console.json(run | {"started_at": quiet.at, "ended_at": quiet.at, "steps": steps, "rules": [], "repairs": []})
