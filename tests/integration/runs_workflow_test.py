"""The durable workflow within one process: retries, refusals, resumed runs, what is written down."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from tests.until import PATIENCE_SECONDS

from afluente.core.clock import SystemClock
from afluente.core.errors import CommitConflict, DataRefused, LakeError, RunError
from afluente.runs import workflow
from afluente.runs.execute import MOST_TAKEOVERS_WITHOUT_PROGRESS, Runs
from afluente.runs.outcome import StepOutcome
from afluente.runs.plan import Plan, Step
from afluente.runs.process import this_process
from afluente.runs.retry import Retry
from afluente.state import events, quality_outcomes, repairs, run_locks, runs_table, steps_table
from afluente.state.database import Database, open_state
from afluente.state.json_value import Json
from afluente.state.quality_outcomes import QualityOutcome
from afluente.state.repairs import Repair
from afluente.state.run_locks import RunLock

PLAN = Plan(
    (
        Step("source.a", "source", source="a"),
        Step("source.b", "source", source="b"),
        Step("silver.a", "conform", ("source.a",)),
        Step("gold.x", "model", ("silver.a",)),
    )
)
Act = Callable[[Step, int], StepOutcome]


class Scripted:
    """Does what the test says for each attempt at each step, and remembers what it was asked."""

    def __init__(self, act: Act) -> None:
        self.act = act
        self.asked: list[tuple[str, int, Json]] = []

    def prepare(self, step: Step, *, run_id: str, attempt: int) -> Mapping[str, Json] | None:
        return {"attempt": attempt}

    def run(self, step: Step, *, run_id: str, attempt: int, durable_input: Mapping[str, Json] | None) -> StepOutcome:
        self.asked.append((step.name, attempt, durable_input))
        return self.act(step, attempt)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_state("sqlite:///.afluente/state.db", tmp_path) as opened:
        yield opened
    workflow.shut_down()


@pytest.fixture
def runs_with(database: Database, tmp_path: Path) -> Callable[[Scripted], Runs]:
    def make(runner: Scripted) -> Runs:
        return Runs(
            database,
            project_root=tmp_path,
            pipeline="p",
            runner=runner,
            retry=Retry(max_attempts=3, first_seconds=0.01),
        )

    return make


RunsWith = Callable[[Scripted], Runs]


def fails(step: str, error: Exception, *, times: int = 99) -> Act:
    def act(asked: Step, attempt: int) -> StepOutcome:
        if asked.name == step and attempt <= times:
            raise error
        return StepOutcome(rows_out=1)

    return act


def test_a_passing_failure_is_tried_again_and_every_attempt_is_kept(database: Database, runs_with: RunsWith) -> None:
    runner = Scripted(fails("silver.a", CommitConflict("moved"), times=2))
    report = runs_with(runner).execute(PLAN, engine="duckdb", engine_version="2.0.0", asked_tables=("gold.x",))
    assert (report.run.status, report.exit_status) == ("done", 0)
    assert (report.run.engine, report.run.asked_tables) == ("duckdb", ("gold.x",))
    tries = [(attempt, given) for name, attempt, given in runner.asked if name == "silver.a"]
    assert tries == [(1, {"attempt": 1}), (2, {"attempt": 2}), (3, {"attempt": 3})]
    with database.read() as connection:
        attempts = steps_table.attempts_of(connection, report.run.id, step="silver.a")
        kinds = Counter(event.kind for event in events.of_run(connection, report.run.id))
    assert [one.error_code for one in attempts] == ["lake.commit_conflict", "lake.commit_conflict", None]
    assert kinds == {"run.started": 1, "step.done": 4, "step.will_retry": 2, "run.done": 1}


def test_a_failure_that_does_not_pass_ends_after_the_last_attempt(runs_with: RunsWith) -> None:
    runner = Scripted(fails("silver.a", CommitConflict("moved", hint="later")))
    report = runs_with(runner).execute(PLAN)
    assert (report.run.status, report.exit_status, report.run.error_code) == ("failed", 1, "lake.commit_conflict")
    assert report.run.error_hint == "later"
    assert Counter(name for name, _, _ in runner.asked) == {"source.a": 1, "source.b": 1, "silver.a": 3}
    assert {step.name: (step.status, step.attempt) for step in report.steps} == {
        "source.a": ("done", 1),
        "source.b": ("done", 1),
        "silver.a": ("failed", 3),
        "gold.x": ("skipped", 0),
    }


def test_a_final_failure_is_not_tried_again_and_independent_steps_run(runs_with: RunsWith) -> None:
    runner = Scripted(fails("source.a", LakeError("lake.corrupt", "broken")))
    report = runs_with(runner).execute(PLAN)
    assert sorted(name for name, _, _ in runner.asked) == ["source.a", "source.b"]
    statuses = [step.status for step in report.steps]
    assert statuses == ["failed", "done", "skipped", "skipped"]
    assert report.steps[3].error_message == "not run, because silver.a did not finish"


def test_refused_data_ends_the_run_with_its_own_status(runs_with: RunsWith) -> None:
    report = runs_with(Scripted(fails("silver.a", DataRefused("quality.refused", "7 rows")))).execute(PLAN)
    assert (report.run.status, report.exit_status) == ("refused", 3)


def test_an_outcome_may_refuse_and_keep_its_quality_outcomes(database: Database, runs_with: RunsWith) -> None:
    quality = QualityOutcome(table="silver.a", rule="r", severity="error", status="failed", measured={"rows": 7})
    repair = Repair(table="silver.a", column="cpf", rule="zeros", rows=2, samples=(("1", "01"),), is_restricted=True)

    def act(step: Step, attempt: int) -> StepOutcome:
        if step.name != "silver.a":
            return StepOutcome(status="unchanged")
        return StepOutcome(
            status="refused", error_code="quality.refused", quality=(quality,), repairs=(repair,), rows_rejected=7
        )

    report = runs_with(Scripted(act)).execute(PLAN)
    assert (report.run.status, report.run.error_code) == ("refused", "quality.refused")
    with database.read() as connection:
        assert [one.outcome for one in quality_outcomes.of_run(connection, report.run.id)] == [quality]
        assert [one.repair.rows for one in repairs.of_run(connection, report.run.id)] == [2]


def test_an_unexpected_error_fails_the_step_and_its_text_is_nowhere(tmp_path: Path, runs_with: RunsWith) -> None:
    secret = "529.982.247-25"
    report = runs_with(Scripted(fails("silver.a", ValueError(f"cannot convert {secret}")))).execute(PLAN)
    assert report.run.error_code == "runs.unexpected"
    for path in (tmp_path / ".afluente").rglob("*"):
        assert path.is_dir() or secret.encode() not in path.read_bytes(), path


def test_a_failed_run_is_resumed_as_a_new_run_of_what_did_not_finish(runs_with: RunsWith) -> None:
    failed = runs_with(Scripted(fails("silver.a", LakeError("lake.full", "full")))).execute(PLAN)
    runner = Scripted(lambda _step, _attempt: StepOutcome())
    again = runs_with(runner).resume(failed.run.id)
    assert [name for name, _, _ in runner.asked] == ["silver.a", "gold.x"]
    assert (again.run.status, again.run.trigger, again.run.resumed_from) == ("done", "resume", failed.run.id)


def test_a_run_that_is_done_or_unknown_cannot_be_resumed(runs_with: RunsWith) -> None:
    runs = runs_with(Scripted(lambda _step, _attempt: StepOutcome()))
    done = runs.execute(PLAN)
    for run_id, code in ((done.run.id, "runs.nothing_to_resume"), ("no-such-run", "runs.unknown")):
        with pytest.raises(RunError) as caught:
            runs.resume(run_id)
        assert caught.value.code == code
        assert caught.value.hint


def test_a_run_with_nothing_to_do_is_told_from_one_that_worked(runs_with: RunsWith) -> None:
    runs = runs_with(Scripted(lambda _step, _attempt: StepOutcome(status="unchanged")))
    assert runs.execute(PLAN).is_unchanged
    recorded = runs.record_unchanged(PLAN, asked_tables=("gold.x",))
    assert recorded is not None
    assert recorded.is_unchanged
    assert (recorded.run.status, recorded.exit_status) == ("done", 0)
    assert not runs_with(Scripted(lambda _step, _attempt: StepOutcome())).execute(PLAN).is_unchanged


def test_steps_are_measured_and_logged_by_run_and_step(tmp_path: Path, runs_with: RunsWith) -> None:
    report = runs_with(Scripted(lambda _step, _attempt: StepOutcome(rows_in=5, rows_out=4, bytes=99))).execute(PLAN)
    for step in report.steps:
        assert (step.rows_in, step.rows_out, step.bytes) == (5, 4, 99)
        assert step.seconds is not None
        assert step.cpu_seconds is not None
        assert (step.peak_memory_bytes or 0) > 1_000_000
    path = tmp_path / ".afluente" / "logs" / f"{report.run.id}.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert {line["run"] for line in lines} == {report.run.id}
    ended = [line for line in lines if line["message"] == "step ended"]
    assert {line["step"] for line in ended} == {step.name for step in report.steps}
    assert all(line["rows_out"] == 4 for line in ended)


def test_the_lock_of_a_silent_process_of_another_host_is_taken_over(database: Database, runs_with: RunsWith) -> None:
    now = SystemClock().now()
    silent = RunLock("p", "other", "r", 1, "1", "elsewhere", now, now - timedelta(minutes=5))
    with database.write() as connection:
        run_locks.take(connection, silent)
    assert runs_with(Scripted(lambda _step, _attempt: StepOutcome())).execute(PLAN).run.status == "done"


def test_the_lock_of_a_beating_process_of_another_host_is_respected(database: Database, runs_with: RunsWith) -> None:
    now = SystemClock().now()
    with database.write() as connection:
        run_locks.take(connection, RunLock("p", "other", "r", 1, "1", "elsewhere", now, now))
    with pytest.raises(RunError) as caught:
        runs_with(Scripted(lambda _step, _attempt: StepOutcome())).execute(PLAN)
    assert caught.value.code == "runs.already_running"
    assert "elsewhere" in caught.value.message


def test_the_lock_of_a_dead_process_of_this_host_is_taken_at_once(database: Database, runs_with: RunsWith) -> None:
    now = SystemClock().now()
    me = this_process()
    with database.write() as connection:
        run_locks.take(connection, RunLock("p", "other", "r", me.pid, "1", me.host, now, now))
    assert runs_with(Scripted(lambda _step, _attempt: StepOutcome())).execute(PLAN).run.status == "done"


def test_a_process_that_lost_its_lock_stops_and_records_nothing_more(database: Database, tmp_path: Path) -> None:
    taken = RunLock("p", "thief", None, 1, "1", "elsewhere", SystemClock().now(), SystemClock().now())

    def act(step: Step, attempt: int) -> StepOutcome:
        with database.write() as connection:
            run_locks.take(connection, taken)
        assert runs._stop.asked.wait(PATIENCE_SECONDS)  # noqa: SLF001 - the moment the heartbeat has seen it
        return StepOutcome()

    runner = Scripted(act)
    runs = Runs(database, project_root=tmp_path, pipeline="p", runner=runner, beat_seconds=0.02)
    with pytest.raises(RunError) as caught:
        runs.execute(PLAN)
    assert caught.value.code == "runs.lost_lock"
    assert {name for name, _, _ in runner.asked} <= {"source.a", "source.b"}
    with database.read() as connection:
        holder = run_locks.find(connection, "p")
    assert holder is not None
    assert holder.executor_id == "thief"


def test_a_run_that_kills_its_process_each_time_is_given_up(database: Database, runs_with: RunsWith) -> None:
    first = runs_with(Scripted(lambda _step, _attempt: StepOutcome())).execute(PLAN)
    with database.write() as connection:
        stuck = first.run.__class__(
            **{name: getattr(first.run, name) for name in first.run.__slots__}
            | {"id": "stuck-run", "status": "running", "ended_at": None}
            | {"takeovers_without_progress": MOST_TAKEOVERS_WITHOUT_PROGRESS}
        )
        runs_table.insert(connection, stuck)
    report = runs_with(Scripted(lambda _step, _attempt: StepOutcome())).execute(PLAN)
    assert report.run.status == "done"
    with database.read() as connection:
        given_up = runs_table.find(connection, "stuck-run")
    assert given_up is not None
    assert (given_up.status, given_up.error_code) == ("failed", "runs.gave_up")
    with database.read() as connection:
        told = [(event.kind, event.payload) for event in events.of_run(connection, "stuck-run")]
    assert told == [("run.failed", {"error_code": "runs.gave_up"})]
