"""`afluente runs`: what was run, how it went, and going on with what was interrupted."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import TYPE_CHECKING

from afluente.cli.console import Console
from afluente.cli.opening import open_workspace
from afluente.cli.words import figures_text, moment_text, size_text
from afluente.core.errors import RunError, UsageError

if TYPE_CHECKING:
    from afluente.runs.steps.workspace import Workspace
    from afluente.state.runs_table import Run
    from afluente.state.steps_table import StepRow


def run(arguments: Namespace, console: Console) -> int:
    with open_workspace(arguments) as workspace:
        match arguments.action:
            case "show":
                return _show(workspace, arguments.id, console)
            case "resume":
                return _resume(workspace, arguments.id, console)
            case _:
                return _list(workspace, getattr(arguments, "limit", 20), console)


def _list(workspace: Workspace, limit: int, console: Console) -> int:
    from afluente.state import runs_table

    with workspace.state.read() as connection:
        runs = runs_table.newest(connection, pipeline=workspace.project.name, limit=limit)
    if console.is_json:
        from afluente.runs.api import run_as_json

        console.json([run_as_json(run) for run in runs])
        return 0
    if not runs:
        console.note("no run yet; `afluente run` starts one")
        return 0
    console.table(
        {
            "run": run.id,
            "status": run.status,
            "started": moment_text(run.started_at),
            "seconds": _seconds(run),
            "trigger": run.schedule or run.trigger,
            "engine": f"{run.engine} {run.engine_version}".strip(),
            "error": run.error_code,
        }
        for run in runs
    )
    return 0


def _seconds(run: Run) -> float | None:
    """None while it goes on, and where the clock was set back meanwhile."""
    if run.ended_at is None or run.ended_at < run.started_at:
        return None
    return (run.ended_at - run.started_at).total_seconds()


def _show(workspace: Workspace, run_id: str, console: Console) -> int:
    from afluente.runs.api import run_in_full
    from afluente.state import quality_outcomes, repairs, steps_table

    found = _find(workspace, run_id)
    if console.is_json:
        console.json(run_in_full(workspace.state, found.id))
        return 0
    with workspace.state.read() as connection:
        steps = steps_table.of_run(connection, found.id)
        outcomes = quality_outcomes.of_run(connection, found.id)
        repaired = repairs.of_run(connection, found.id)
    _head(found, console)
    console.table([_step(step) for step in steps], title="steps")
    refused = [(step.name, reject) for step in steps for reject in _rejects(step)]
    if refused:
        console.table(
            [
                {"refused in": name, "rule": r.get("rule"), "column": r.get("column"), "rows": r.get("rows")}
                for name, r in refused
            ],
            title="refused rows by rule",
        )
    if outcomes:
        console.table(
            [
                {
                    "table": one.outcome.table,
                    "rule": one.outcome.rule,
                    "status": one.outcome.status,
                    "severity": one.outcome.severity,
                    "measured": figures_text(one.outcome.measured),
                    "threshold": one.outcome.threshold,
                }
                for one in outcomes
            ],
            title="rules",
        )
    if repaired:
        console.table(
            [
                {
                    "repaired in": one.repair.table,
                    "column": one.repair.column,
                    "rule": one.repair.rule,
                    "rows": one.repair.rows,
                    "sample": "; ".join(f"{before} -> {after}" for before, after in one.repair.samples[:1]),
                }
                for one in repaired
            ],
            title="repairs",
        )
    _errors(found, steps, console)
    return 0


def _head(run: Run, console: Console) -> None:
    told = {
        "run": run.id,
        "status": run.status,
        "started": moment_text(run.started_at),
        "ended": moment_text(run.ended_at),
        "trigger": run.schedule or run.trigger,
        "engine": f"{run.engine} {run.engine_version}".strip(),
        "asked for": ", ".join(run.asked_tables),
        "resumed from": run.resumed_from,
        "taken over": run.takeovers or None,
    }
    for name, value in told.items():
        if value:
            console.data(f"{name:<13} {value}")
    console.data("")


def _step(step: StepRow) -> dict[str, object]:
    return {
        "step": step.name,
        "status": step.status,
        "in": step.rows_in,
        "out": step.rows_out,
        "rejected": step.rows_rejected,
        "repaired": step.rows_repaired,
        "size": size_text(step.bytes),
        "seconds": step.seconds,
        "CPU s": step.cpu_seconds,
        "memory": size_text(step.peak_memory_bytes),
        "tries": step.attempt or None,
    }


def _rejects(step: StepRow) -> list[dict[str, object]]:
    if not step.outcome:
        return []
    rejects = json.loads(step.outcome).get("details", {}).get("rejects", [])
    return [reject for reject in rejects if isinstance(reject, dict)]


def _errors(run: Run, steps: list[StepRow], console: Console) -> None:
    for step in steps:
        if step.error_code:
            console.data(f"error[{step.error_code}]: {step.name}: {step.error_message}")
            if step.error_hint:
                console.data(f"hint: {step.error_hint}")
    if run.error_code:
        console.data(f"error[{run.error_code}]: {run.error_message}")
        if run.error_hint:
            console.data(f"hint: {run.error_hint}")


def _find(workspace: Workspace, run_id: str | None) -> Run:
    """The run of this id, or of a part of it that no other has; without one the newest."""
    from afluente.state import runs_table

    with workspace.state.read() as connection:
        if run_id is None:
            found = next(iter(runs_table.newest(connection, pipeline=workspace.project.name, limit=1)), None)
            alike = []
        else:
            found = runs_table.find(connection, run_id)
            alike = runs_table.alike(connection, run_id)
    if run_id is None and found is None:
        raise UsageError("runs.none", "no run yet", hint="`afluente run` starts one")
    if found is not None and found.pipeline == workspace.project.name:
        return found
    several = [run.id for run in alike if run.pipeline == workspace.project.name]
    if several:
        message = f"more than one run has '{run_id}' at the beginning or end of its id"
        raise UsageError("runs.ambiguous", message, hint=f"the end tells runs apart: {', '.join(several)}")
    is_short = run_id is not None and len(run_id) < runs_table.SHORTEST_PART
    hint = f"give at least {runs_table.SHORTEST_PART} characters of its id; " if is_short else ""
    raise UsageError(
        "runs.unknown", f"run '{run_id}' does not exist", hint=f"{hint}`afluente runs list` shows the runs"
    )


def _resume(workspace: Workspace, run_id: str, console: Console) -> int:
    from afluente.cli.carry_out import carry_out, runs_of, tell
    from afluente.cli.run_view import RunView

    found = _find(workspace, run_id)
    with RunView(console) as view:
        runs = runs_of(workspace, view)
        try:
            report = carry_out(workspace, runs, view, lambda runs, _engine: runs.resume(found.id))
        except RunError as error:
            if error.code == "runs.nothing_to_resume":
                raise UsageError(error.code, error.message, hint=error.hint) from error
            raise
    tell(workspace, report, console)
    return report.exit_status
