"""Every run leaves the figures of its tables, a day and metric once, and no more than a baseline looks back on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.unit.watch.watched_project import clock_of, happen, watched

from afluente.runs.steps.workspace import Workspace
from afluente.state.database import Database
from afluente.watch import observations
from afluente.watch.attend import attend
from afluente.watch.observations import LONGEST_HISTORY
from afluente.watch.run_figures import BATCH, learn_from_runs

DAY = datetime(2026, 5, 18, tzinfo=UTC)
DONE = {"rows_in": 200, "rows_out": 190, "rows_rejected": 10, "bytes": 4096, "seconds": 1.5}


def known(workspace: Workspace, subject: str, metric: str) -> list[tuple[datetime, float]]:
    with workspace.state.read() as connection:
        return [(point.at, point.value) for point in observations.history(connection, subject, metric)]


def test_a_step_that_was_done_leaves_its_figures_under_its_day(tmp_path: Path, any_database: Database) -> None:
    workspace = watched(tmp_path, any_database)
    happen(workspace, "step.done", "silver.vendas", DONE, run_id="r1")
    happen(workspace, "step.done", "gold.vendas", {"rows_out": 0, "rows_in": 0, "rows_rejected": 0, "bytes": None})
    happen(workspace, "step.failed", "gold.vendas", DONE)
    happen(workspace, "step.unchanged", "source.pedidos", DONE)
    assert learn_from_runs(workspace) == 2
    assert learn_from_runs(workspace) == 0
    with workspace.state.read() as connection:
        metrics = observations.metrics(connection)
    assert metrics == [
        ("gold.vendas", "rows", 1),
        *(("silver.vendas", metric, 1) for metric in ("bytes", "refused_percent", "rows", "seconds")),
    ]
    assert known(workspace, "silver.vendas", "rows") == [(DAY, 190.0)]
    assert known(workspace, "silver.vendas", "refused_percent") == [(DAY, 5.0)]
    assert known(workspace, "silver.vendas", "seconds") == [(DAY, 1.5)]
    assert known(workspace, "gold.vendas", "rows") == [(DAY, 0.0)]


def test_a_day_keeps_the_figure_of_its_last_run(tmp_path: Path, database: Database) -> None:
    workspace = watched(tmp_path, database)
    for rows in range(BATCH + 2):
        happen(workspace, "step.done", "silver.vendas", {"rows_out": rows})
    assert learn_from_runs(workspace) == BATCH + 2
    assert known(workspace, "silver.vendas", "rows") == [(DAY, float(BATCH + 1))]


def test_no_more_days_are_kept_than_a_baseline_looks_back(tmp_path: Path, database: Database) -> None:
    workspace = watched(tmp_path, database)
    happen(workspace, "step.done", "silver.vendas", DONE)
    learn_from_runs(workspace)
    clock_of(workspace).advance(seconds=(LONGEST_HISTORY + 1) * 86_400)
    happen(workspace, "step.done", "silver.vendas", DONE)
    learn_from_runs(workspace)
    assert [at for at, _ in known(workspace, "silver.vendas", "rows")] == [DAY + timedelta(days=LONGEST_HISTORY + 1)]


def test_whoever_watches_learns_too(tmp_path: Path, database: Database) -> None:
    workspace = watched(tmp_path, database)
    happen(workspace, "step.done", "silver.vendas", DONE)
    attend(workspace)
    assert known(workspace, "silver.vendas", "bytes") == [(DAY, 4096.0)]
