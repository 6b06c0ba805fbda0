"""A run as a person watches it: bars with rows a second on a terminal, plain lines elsewhere, a summary at the end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

from afluente.cli.console import Console

if TYPE_CHECKING:
    from types import TracebackType

    from afluente.runs.report import RunReport
    from afluente.runs.steps.workspace import Workspace
    from afluente.state.steps_table import StepRow

STEP_FIELDS = (
    "name",
    "status",
    "attempt",
    "rows_in",
    "rows_out",
    "rows_rejected",
    "rows_repaired",
    "bytes",
    "seconds",
    "cpu_seconds",
    "peak_memory_bytes",
    "table_version",
    "error_code",
    "error_message",
    "error_hint",
)
ENDED = ("done", "unchanged", "failed", "refused", "skipped", "interrupted")


class RunView:
    """Shows a plan being carried out. Its methods are called from the steps' threads."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._progress: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._console.is_json:
            self._start_bars()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def _start_bars(self) -> None:
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn("{task.description:<32}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[rows]:>12} rows {task.fields[speed]:>14}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[status]}"),
            console=RichConsole(file=self._console.err),
            transient=False,
        )
        self._progress.start()

    def note(self, text: str) -> None:
        """A line among the bars."""
        with self._lock:
            if self._progress is not None:
                self._progress.console.print(text, highlight=False)
            elif not self._console.is_json:
                self._console.note(text)

    def step(self, row: StepRow) -> None:
        """A step began, ended or was skipped."""
        with self._lock:
            if self._progress is not None:
                self._draw(row)
            elif row.status in ENDED and not self._console.is_json:
                self._console.note(line_of(row))

    def rows(self, step: str, done: int, total: int) -> None:
        """A step has gone through so many of its rows."""
        with self._lock:
            task = self._tasks.get(step)
            if self._progress is not None and task is not None:
                elapsed = self._progress.tasks[task].elapsed or 0
                speed = f"{done / elapsed:,.0f} rows/s" if elapsed else ""
                self._progress.update(task, completed=done, total=total, rows=f"{done:,}", speed=speed)

    def _draw(self, row: StepRow) -> None:
        if row.name not in self._tasks:
            fields = {"rows": "", "speed": "", "status": ""}
            self._tasks[row.name] = self._progress.add_task(row.name, total=None, **fields)
        task = self._tasks[row.name]
        if row.status not in ENDED:
            self._progress.update(task, status=row.status)
            return
        rows = row.rows_out if row.rows_out is not None else row.rows_in
        seconds = row.seconds or 0
        speed = f"{(row.rows_in or 0) / seconds:,.0f} rows/s" if seconds and row.rows_in else ""
        said = row.status if not row.error_message else f"{row.status}: {row.error_message}"
        self._progress.update(
            task, total=1, completed=1, rows="" if rows is None else f"{rows:,}", speed=speed, status=said
        )
        self._progress.stop_task(task)


def line_of(row: StepRow) -> str:
    """A step's end in one plain line."""
    parts = [f"{row.name:<32} {row.status:<10}"]
    counts = (
        ("in", row.rows_in),
        ("out", row.rows_out),
        ("rejected", row.rows_rejected),
        ("repaired", row.rows_repaired),
    )
    parts += [f"{count:,} {name}" for name, count in counts if count is not None and row.status == "done"]
    if row.seconds is not None and row.status == "done":
        parts.append(f"{row.seconds:.1f} s")
        if row.rows_in and row.seconds > 0:
            parts.append(f"{row.rows_in / row.seconds:,.0f} rows/s")
    if row.error_message:
        parts.append(f"[{row.error_code}] {row.error_message}")
    return "  ".join(parts)


def show_report(workspace: Workspace, report: RunReport, console: Console) -> None:
    """How the run ended: its rules that did not pass, its errors with hints, and where to look further."""
    from afluente.state import quality_outcomes

    run = report.run
    with workspace.state.read() as connection:
        outcomes = quality_outcomes.of_run(connection, run.id)
    for recorded in outcomes:
        outcome = recorded.outcome
        if outcome.status != "passed":
            console.note(f"{outcome.severity}[{outcome.rule}] {outcome.table}: {outcome.message}")
    for step in report.steps:
        if step.error_code and step.status in ("failed", "refused"):
            console.note(f"error[{step.error_code}]: {step.name}: {step.error_message}")
            if step.error_hint:
                console.note(f"hint: {step.error_hint}")
    if run.error_code and not any(step.error_code for step in report.steps):
        console.note(f"error[{run.error_code}]: {run.error_message}")
        if run.error_hint:
            console.note(f"hint: {run.error_hint}")
    if run.status == "interrupted":
        console.note(f"the run was interrupted; `afluente run` goes on with it, or `afluente runs resume {run.id}`")
    seconds = (run.ended_at - run.started_at).total_seconds() if run.ended_at else 0.0
    done = sum(step.status == "done" for step in report.steps)
    passed = sum(recorded.outcome.status == "passed" for recorded in outcomes)
    said = "nothing new" if report.is_unchanged else f"{done} of {len(report.steps)} steps did something"
    engine = f" on {run.engine} {run.engine_version}" if run.engine else ""
    rules = f", {passed} of {len(outcomes)} rules passed" if outcomes else ""
    console.note(f"run {run.id} {run.status}{engine}: {said}{rules}, {seconds:.1f} s")
    if any(step.rows_rejected for step in report.steps):
        console.note("see why rows were refused: afluente quarantine summary")


def report_as_json(workspace: Workspace, report: RunReport) -> dict[str, object]:
    """A run with its steps, rules and repairs for `--json`."""
    from afluente.state import quality_outcomes, repairs

    with workspace.state.read() as connection:
        outcomes = quality_outcomes.of_run(connection, report.run.id)
        repaired = repairs.of_run(connection, report.run.id)
    return {
        "run": report.run.id,
        "status": report.run.status,
        "engine": report.run.engine,
        "engine_version": report.run.engine_version,
        "started_at": report.run.started_at,
        "ended_at": report.run.ended_at,
        "steps": [{name: getattr(step, name) for name in STEP_FIELDS} for step in report.steps],
        "rules": [
            {
                "table": r.outcome.table,
                "rule": r.outcome.rule,
                "column": r.outcome.column,
                "severity": r.outcome.severity,
                "status": r.outcome.status,
                "measured": r.outcome.measured,
                "threshold": r.outcome.threshold,
                "message": r.outcome.message,
            }
            for r in outcomes
        ],
        "repairs": [
            {"table": r.repair.table, "column": r.repair.column, "rule": r.repair.rule, "rows": r.repair.rows}
            for r in repaired
        ],
    }
