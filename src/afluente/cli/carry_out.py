"""Runs carried out where somebody watches: the view, the signals, the engine, the end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from afluente.cli.console import Console
from afluente.cli.run_view import RunView, report_as_json, show_report

if TYPE_CHECKING:
    from afluente.engines.engine import Capabilities
    from afluente.runs.execute import Runs
    from afluente.runs.report import RunReport
    from afluente.runs.steps.workspace import Workspace

Action = Callable[["Runs", "Capabilities"], "RunReport"]


def runs_of(workspace: Workspace, view: RunView) -> Runs:
    """The runs of the project, shown in a view."""
    from afluente.runs.execute import Runs
    from afluente.runs.steps.runner import ProjectRunner

    return Runs(
        workspace.state,
        project_root=workspace.project.root,
        pipeline=workspace.project.name,
        runner=ProjectRunner(workspace, progress=view.rows),
        limits=workspace.limits(),
        on_step=view.step,
    )


def carry_out(workspace: Workspace, runs: Runs, view: RunView, action: Action) -> RunReport:
    """Do the action with the engine open. SIGTERM lets running steps end; an interrupt from the keyboard does not."""
    previous = signal.signal(signal.SIGTERM, lambda _number, _frame: runs.stop())
    try:
        capabilities = workspace.engine.describe()
        view.note(
            f"engine {capabilities.engine} {capabilities.version}, {capabilities.memory_limit or 'its own'} memory"
        )
        return action(runs, capabilities)
    except KeyboardInterrupt:
        runs.stop(grace_seconds=0)
        raise
    finally:
        signal.signal(signal.SIGTERM, previous)


def tell(workspace: Workspace, report: RunReport, console: Console) -> None:
    """Say how it ended: here, and to those whom the project's alerts tell. A run that did nothing tells nobody."""
    if console.is_json:
        console.json(report_as_json(workspace, report))
    else:
        show_report(workspace, report, console)
    if report.recovered or not report.is_unchanged:
        from afluente.watch.run_figures import learn_from_runs

        learn_from_runs(workspace)
        tell_people(workspace, console)


def tell_people(workspace: Workspace, console: Console) -> None:
    """Raise and resolve alerts of what happened and send the notices. Trouble with it is noted and changes nothing."""
    if workspace.project.alerts is None:
        return
    from afluente.core.errors import AfluenteError
    from afluente.watch.attend import attend

    try:
        told = attend(workspace).notified
    except AfluenteError as error:
        console.note(f"alerts were not looked at: {error.message} ({error.code})")
        return
    if told.error_codes:
        console.note(f"{told.put_back} notices wait to be sent again: {', '.join(told.error_codes)}")
