"""`afluente serve`: keep the schedules and answer over HTTP until it is told to stop."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from afluente.cli.console import Console
from afluente.cli.opening import open_workspace
from afluente.core.errors import AfluenteError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from afluente.products.publisher import Publisher
    from afluente.products.release.build import ReleaseOutcome
    from afluente.products.sending import SendOutcome
    from afluente.runs.report import RunReport
    from afluente.runs.serve import Planned, Scheduler
    from afluente.runs.steps.workspace import Workspace
    from afluente.watch.attend import Watcher

LARGEST_PORT = 65535
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def run(arguments: Namespace, console: Console) -> int:
    if not 0 <= arguments.port <= LARGEST_PORT:
        raise UsageError("serve.port", f"port {arguments.port} does not exist", hint="0 takes a free one")
    with open_workspace(arguments) as workspace:
        from afluente.runs.api import ApiServer
        from afluente.runs.signals import stopping_on_signals

        watcher = _watcher(workspace)
        publisher = _publisher(workspace, watcher)
        scheduler = _scheduler(workspace, watcher)
        api = ApiServer(workspace.state, health=scheduler.health, host=arguments.host, port=arguments.port)
        with stopping_on_signals(scheduler.stop):
            api.start()
            background = [one for one in (watcher, publisher) if one is not None]
            for one in background:
                one.start()
            try:
                if arguments.host not in LOOPBACK:
                    console.note(f"{arguments.host} can be reached from other machines, and answers without a password")
                if not workspace.project.schedules and not any(one.cron for one in workspace.project.products):
                    console.note("the project has no schedules: nothing will run by itself")
                if console.is_json:
                    console.json({"address": api.address})
                else:
                    console.data(api.address)
                console.out.flush()
                scheduler.serve_forever()
            finally:
                api.stop()
                for one in reversed(background):
                    one.stop()
        console.note("stopped; what was interrupted is gone on with at the next start")
    return 0


def _watcher(workspace: Workspace) -> Watcher | None:
    """Who tells people, in a project that has alerts."""
    if workspace.project.alerts is None:
        return None
    from afluente.runs.serve import plain_reporter
    from afluente.watch.attend import Watcher

    _, on_error = plain_reporter(sys.stderr)
    return Watcher(workspace, on_error=on_error)


def _publisher(workspace: Workspace, watcher: Watcher | None) -> Publisher | None:
    """Who releases and sends, in a project that has products."""
    if not workspace.project.products:
        return None
    from afluente.products.publisher import Publisher
    from afluente.runs.serve import plain_reporter
    from afluente.runs.steps.workspace import Workspace

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)
        if watcher is not None:
            watcher.wake()

    def on_release(outcome: ReleaseOutcome) -> None:
        number = "" if outcome.release is None else f" {outcome.release.product} {outcome.release.number}"
        say(f"release{number} {outcome.status}")

    def on_sent(outcome: SendOutcome) -> None:
        say(f"delivery {outcome.name} of {outcome.product} {outcome.number} {outcome.status}")

    _, on_error = plain_reporter(sys.stderr)
    return Publisher(
        lambda: Workspace(workspace.project, environment=workspace.environment, clock=workspace.clock),
        on_release=on_release,
        on_sent=on_sent,
        on_error=on_error,
    )


def _scheduler(workspace: Workspace, watcher: Watcher | None) -> Scheduler:
    from afluente.models.graph import tables_read
    from afluente.runs.cron import Cron
    from afluente.runs.execute import Runs
    from afluente.runs.schedule import Timetable
    from afluente.runs.serve import Planned, Scheduler, plain_reporter
    from afluente.runs.steps.planning import plan_tables
    from afluente.runs.steps.runner import ProjectRunner

    project = workspace.project
    tell, on_error = plain_reporter(sys.stderr)

    def on_report(ended: RunReport) -> None:
        tell(ended)
        if watcher is not None:
            watcher.wake()
        elif not ended.is_unchanged:
            _keep_figures(workspace, on_error)

    tables = {schedule.name: tuple(str(table) for table in schedule.tables) for schedule in project.schedules}

    def plan_for(name: str) -> Planned:
        capabilities = workspace.engine.describe()
        plan = plan_tables(project, tables_read, tables[name])
        return Planned(plan, tables[name], capabilities.engine, capabilities.version)

    return Scheduler(
        workspace.state,
        pipeline=project.name,
        runs=Runs(
            workspace.state,
            project_root=project.root,
            pipeline=project.name,
            runner=ProjectRunner(workspace),
            limits=workspace.limits(),
            log_stream=sys.stderr,
        ),
        timetables=[
            Timetable(project.name, schedule.name, Cron.parse(schedule.cron), ZoneInfo(project.timezone))
            for schedule in project.schedules
        ],
        plan_for=plan_for,
        on_report=on_report,
        on_error=on_error,
    )


def _keep_figures(workspace: Workspace, on_error: Callable[[AfluenteError], None]) -> None:
    """Keep what a run told of its tables, where no watcher does. Trouble with it does not touch the run."""
    from afluente.watch.run_figures import learn_from_runs

    try:
        learn_from_runs(workspace)
    except AfluenteError as error:
        on_error(error)
