"""`afluente run`: bring in what is new and refine it."""

from __future__ import annotations

import signal
from argparse import Namespace
from typing import TYPE_CHECKING

from afluente.cli.console import Console
from afluente.cli.opening import open_workspace
from afluente.cli.run_view import RunView, report_as_json, show_report
from afluente.models.graph import tables_read
from afluente.runs.execute import Runs
from afluente.runs.steps.news import has_news
from afluente.runs.steps.planning import plan_tables
from afluente.runs.steps.runner import ProjectRunner

if TYPE_CHECKING:
    from afluente.runs.plan import Plan
    from afluente.runs.report import RunReport
    from afluente.runs.steps.workspace import Workspace


def run(arguments: Namespace, console: Console) -> int:
    with open_workspace(arguments) as workspace:
        plan = plan_tables(
            workspace.project, tables_read, arguments.tables, is_full_refresh=arguments.full_refresh
        )
        with RunView(console, plan) as view:
            report = _carry_out(workspace, plan, view, tuple(arguments.tables))
        if console.is_json:
            console.json(report_as_json(workspace, report))
        else:
            show_report(workspace, report, console)
        return report.exit_status


def _carry_out(workspace: Workspace, plan: Plan, view: RunView, asked: tuple[str, ...]) -> RunReport:
    runs = Runs(
        workspace.state,
        project_root=workspace.project.root,
        pipeline=workspace.project.name,
        runner=ProjectRunner(workspace, progress=view.rows),
        limits=workspace.limits(),
        on_step=view.step,
    )
    if not has_news(workspace, plan):
        unchanged = runs.record_unchanged(plan, asked_tables=asked)
        if unchanged is not None:
            return unchanged
    previous = signal.signal(signal.SIGTERM, lambda _number, _frame: runs.stop())
    try:
        capabilities = workspace.engine.describe()
        view.note(f"engine {capabilities.engine} {capabilities.version}, {capabilities.memory_limit or 'its own'} memory")
        return runs.execute(
            plan, asked_tables=asked, engine=capabilities.engine, engine_version=capabilities.version
        )
    except KeyboardInterrupt:
        runs.stop(grace_seconds=0)
        raise
    finally:
        signal.signal(signal.SIGTERM, previous)
