"""Carries out a reference project: copied, run through the same calls as `afluente run`, and told.

Invariant: without `into` nothing is left on the disk; the example's own folder is never written.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from afluente.core.errors import UsageError
from afluente.demo.examples import EXAMPLES, Example, check_rows, copy_example, find_example, set_simulated_rows
from afluente.demo.leaping_clock import LeapingClock
from afluente.demo.screen import Screen

if TYPE_CHECKING:
    from afluente.project.settings import Project
    from afluente.runs.report import RunReport
    from afluente.runs.steps.workspace import Workspace
    from afluente.state.steps_table import StepRow

_ENDED = ("done", "unchanged", "failed", "refused", "skipped")


def list_demos(console: Screen) -> int:
    """The names of the reference projects, a line each."""
    console.table(
        [{"name": example.name, "what it shows": example.summary} for example in EXAMPLES.values()],
        columns=("name", "what it shows"),
    )
    return 0


def run_demo(name: str, *, into: Path | None, rows: int | None, console: Screen) -> int:
    """Run the reference project `name`; returns the exit status of its run.

    The project is left in `into`, or made in a temporary folder and deleted. `rows` is how many orders to simulate.
    """
    began = time.monotonic()
    example = find_example(name)
    _need_data(example)
    if rows is not None:
        check_rows(example, rows)
    with _folder(into, name) as folder, ExitStack() as opened:
        console.note(f"{name}: {example.summary}")
        copy_example(name, folder)
        if example.story:
            told: int = import_module(example.story).run_story(folder, into=into, console=console)
            return told
        simulated = rows or example.rows
        if simulated is not None:
            set_simulated_rows(folder, simulated)
        from afluente.demo.findings import read_findings
        from afluente.demo.tell import tell, tell_as_json
        from afluente.runs.steps.workspace import Workspace

        environment: Mapping[str, str] = os.environ
        side = None
        if example.has_partner:
            from afluente.demo.partner import partner

            side = opened.enter_context(partner(folder))
            environment = {**os.environ, **side.environment}
        clock = LeapingClock()
        workspace = opened.enter_context(Workspace(_open(folder, environment), environment=environment, clock=clock))
        report = carry_out(workspace, console)
        if report.exit_status:
            _tell_failure(report, console)
            return report.exit_status
        story = None
        if side is not None:
            from afluente.demo.product_story import tell_product

            story = tell_product(workspace, clock, side, console)
        findings = read_findings(workspace, report, example)
        seconds = time.monotonic() - began
        if console.is_json:
            tell_as_json(findings, report, story, console, seconds=seconds)
        else:
            tell(findings, report, story, console, seconds=seconds, into=into, example=example)
        return 0 if story is None else story.exit_status


@contextmanager
def _folder(into: Path | None, name: str) -> Iterator[Path]:
    if into is not None:
        yield into.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="afluente-demo-", ignore_cleanup_errors=True) as scratch:
        yield Path(scratch) / name


def _need_data(example: Example) -> None:
    if not example.data_variable:
        return
    given = os.environ.get(example.data_variable, "")
    command = f"{example.data_variable}=FOLDER afluente demo {example.name}"
    if not given:
        raise UsageError(
            "demo.data_missing",
            f"the reference project {example.name!r} reads real data, and {example.data_variable} is not set",
            hint=f"download the CSV files ({example.data_origin}) and give their folder: {command}",
        )
    if not Path(given).is_dir():
        raise UsageError(
            "demo.data_missing",
            f"{example.data_variable} is {given!r}, which is not a folder",
            hint=f"give the folder of the CSV files ({example.data_origin}): {command}",
        )


def _open(folder: Path, environment: Mapping[str, str]) -> Project:
    from afluente.products.known import known_names
    from afluente.project.load import load_project

    return load_project(folder, environment=environment, typed_in=Path.cwd(), known=known_names())


def carry_out(workspace: Workspace, console: Screen) -> RunReport:
    """Every step of a project, each told as it ends."""
    from afluente.models.graph import tables_read
    from afluente.runs.execute import Runs
    from afluente.runs.steps.planning import plan_tables
    from afluente.runs.steps.runner import ProjectRunner

    engine = workspace.engine.describe()
    plan = plan_tables(workspace.project, tables_read, ())
    console.note(f"engine {engine.engine} {engine.version}; {len(plan)} steps")

    def say(step: StepRow) -> None:
        if step.status in _ENDED and not console.is_json:
            console.note(_line_of(step))

    runs = Runs(
        workspace.state,
        project_root=workspace.project.root,
        pipeline=workspace.project.name,
        runner=ProjectRunner(workspace),
        limits=workspace.limits(),
        on_step=say,
    )
    try:
        return runs.execute(plan, engine=engine.engine, engine_version=engine.version)
    except KeyboardInterrupt:
        runs.stop(grace_seconds=0)
        raise


def _line_of(step: StepRow) -> str:
    if step.status != "done":
        return f"  {step.name:<28} {step.status}"
    seconds = "" if step.seconds is None else f"{step.seconds:6.1f} s"
    return f"  {step.name:<28} {step.rows_out or 0:>10,} rows {seconds}"


def _tell_failure(report: RunReport, console: Screen) -> None:
    for step in report.steps:
        if step.error_code:
            console.note(f"error[{step.error_code}]: {step.name}: {step.error_message}")
            if step.error_hint:
                console.note(f"hint: {step.error_hint}")
    console.note(f"run {report.run.id} {report.run.status}")
