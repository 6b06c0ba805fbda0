"""What each table of the state keeps, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from afluente.core.errors import StateError
from afluente.state import (
    events,
    outbox,
    quality_outcomes,
    repairs,
    run_locks,
    runs_table,
    schedule_ticks,
    source_files,
    source_positions,
    steps_table,
)
from afluente.state.database import Database
from afluente.state.outbox import OutboxEntry
from afluente.state.quality_outcomes import QualityOutcome
from afluente.state.repairs import Repair
from afluente.state.run_locks import RunLock
from afluente.state.runs_table import Run
from afluente.state.schedule_ticks import ScheduleTick
from afluente.state.source_files import SourceFile
from afluente.state.source_positions import SourcePosition
from afluente.state.steps_table import StepRow

NOW = datetime(2026, 3, 1, 9, 30, 15, 123456, tzinfo=UTC)


def a_run(run_id: str = "01900000-aaaa", **changes: object) -> Run:
    run = Run(
        id=run_id,
        pipeline="vendas",
        trigger="manual",
        status="running",
        started_at=NOW,
        engine="duckdb",
        engine_version="2.0.0",
        asked_tables=("gold.x", "gold.y"),
        plan="[]",
        executor_id="me",
        pid=1,
        host="here",
        heartbeat_at=NOW,
    )
    return replace(run, **changes)


@pytest.fixture
def run(database: Database) -> Run:
    written = a_run()
    with database.write() as connection:
        runs_table.insert(connection, written)
        steps_table.insert_pending(
            connection, [StepRow(run_id=written.id, name="silver.a", position=0, kind="conform")]
        )
    return written


def test_a_run_is_read_as_it_was_written(database: Database, run: Run) -> None:
    with database.read() as connection:
        assert runs_table.find(connection, run.id) == run
        assert runs_table.find(connection, "nothing") is None


def test_a_run_is_found_by_the_only_beginning_of_its_id(database: Database, run: Run) -> None:
    with database.write() as connection:
        assert runs_table.find(connection, "01900000") == run
        runs_table.insert(connection, a_run("01900000-bbbb"))
        assert runs_table.find(connection, "01900000") is None
        assert runs_table.find(connection, "01900000-b") == a_run("01900000-bbbb")


def test_runs_of_one_minute_are_told_apart_by_the_end_of_their_ids(database: Database, run: Run) -> None:
    other = a_run("01900000-0000-7000-8000-00000000bbbb")
    with database.write() as connection:
        runs_table.insert(connection, other)
        assert {one.id for one in runs_table.alike(connection, "01900000")} == {run.id, other.id}
        assert runs_table.find(connection, "0000bbbb") == other
        assert runs_table.alike(connection, "bbbb") == []


def test_a_moment_of_another_zone_is_read_as_the_same_moment(database: Database) -> None:
    in_brazil = NOW.astimezone(timezone(timedelta(hours=-3)))
    with database.write() as connection:
        runs_table.insert(connection, a_run(started_at=in_brazil))
        found = runs_table.find(connection, "01900000-aaaa")
    assert found is not None
    assert found.started_at == NOW
    assert found.started_at.utcoffset() == timedelta(0)


def test_a_moment_without_a_zone_is_refused(database: Database) -> None:
    naive = a_run(started_at=datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused
    with pytest.raises(sa.exc.StatementError, match="no time zone"), database.write() as connection:
        runs_table.insert(connection, naive)


def test_a_run_that_ended_keeps_its_end(database: Database, run: Run) -> None:
    with database.write() as connection:
        runs_table.end(connection, run.id, status="failed", at=NOW, error_code="lake.full")
        runs_table.end(connection, run.id, status="done", at=NOW + timedelta(1))
        ended = runs_table.find(connection, run.id)
    assert ended is not None
    assert (ended.status, ended.error_code, ended.ended_at) == ("failed", "lake.full", NOW)


def test_takeovers_are_counted_and_progress_starts_the_second_count_again(database: Database, run: Run) -> None:
    with database.write() as connection:
        for _ in range(2):
            runs_table.take_over(connection, run.id, executor_id="other", pid=2, host="there", at=NOW)
        runs_table.note_progress(connection, run.id)
        runs_table.take_over(connection, run.id, executor_id="third", pid=3, host="there", at=NOW)
        found = runs_table.find(connection, run.id)
    assert found is not None
    assert (found.takeovers, found.takeovers_without_progress, found.executor_id) == (3, 1, "third")


def test_unfinished_runs_come_oldest_first_and_the_newest_list_newest_first(database: Database) -> None:
    with database.write() as connection:
        for number in range(4):
            runs_table.insert(connection, a_run(f"run-{number}", started_at=NOW + timedelta(minutes=number)))
        runs_table.end(connection, "run-1", status="done", at=NOW)
        runs_table.end(connection, "run-2", status="interrupted", at=NOW)
        assert [run.id for run in runs_table.unfinished(connection, pipeline="vendas")] == ["run-0", "run-2", "run-3"]
        assert [run.id for run in runs_table.newest(connection, limit=2)] == ["run-3", "run-2"]
        assert [run.id for run in runs_table.newest(connection, status="done")] == ["run-1"]
        assert runs_table.unfinished(connection, pipeline="other") == []


def test_each_attempt_at_a_step_is_kept_and_the_step_tells_the_last(database: Database, run: Run) -> None:
    later = NOW + timedelta(seconds=5)
    with database.write() as connection:
        steps_table.begin_attempt(connection, run.id, "silver.a", attempt=1, executor_id="me", at=NOW)
        failed = StepRow(
            run_id=run.id,
            name="silver.a",
            position=0,
            kind="conform",
            status="failed",
            attempt=1,
            ended_at=later,
            error_code="lake.commit_conflict",
        )
        steps_table.end_attempt(connection, failed, executor_id="me")
        steps_table.begin_attempt(connection, run.id, "silver.a", attempt=2, executor_id="me", at=later)
        done = replace(
            failed, status="done", attempt=2, error_code=None, rows_out=10**12, cpu_seconds=1.5, outcome="{}"
        )
        steps_table.end_attempt(connection, done, executor_id="me")
        step = steps_table.find(connection, run.id, "silver.a")
        attempts = steps_table.attempts_of(connection, run.id, step="silver.a")
    assert step is not None
    assert (step.status, step.attempt, step.rows_out, step.seconds) == ("done", 2, 10**12, 0.0)
    assert [(one.attempt, one.error_code) for one in attempts] == [(1, "lake.commit_conflict"), (2, None)]


def test_a_step_that_is_done_stays_done(database: Database, run: Run) -> None:
    with database.write() as connection:
        steps_table.mark(connection, run.id, "silver.a", status="done", at=NOW)
        steps_table.mark(connection, run.id, "silver.a", status="skipped", at=NOW)
        steps_table.interrupt_running(connection, run.id, at=NOW)
        assert [step.status for step in steps_table.of_run(connection, run.id)] == ["done"]


def test_quality_outcomes_of_a_repeated_step_are_not_counted_twice(database: Database, run: Run) -> None:
    outcome = QualityOutcome(
        table="silver.a",
        rule="few nulls",
        severity="error",
        status="failed",
        column="cpf",
        measured={"rows": 7, "percent": 0.7},
        threshold="mustBeLessThan 5",
        message="7 rows",
    )
    table_rule = QualityOutcome(table="silver.a", rule="rows", severity="warning", status="passed")
    with database.write() as connection:
        for _ in range(2):
            quality_outcomes.replace_for_step(connection, run.id, "silver.a", [outcome, table_rule], at=NOW)
        found = quality_outcomes.of_run(connection, run.id)
        of_table = quality_outcomes.of_table(connection, "silver.a", limit=1)
    assert [one.outcome for one in found] == [outcome, table_rule]
    assert [one.outcome for one in of_table] == [table_rule]


def test_samples_of_a_restricted_column_are_not_kept(database: Database, run: Run) -> None:
    shown = Repair(table="silver.a", column="uf", rule="synonym", rows=3, samples=(("São Paulo", "SP"),))
    hidden = Repair(table="silver.a", column="cpf", rule="zeros", rows=2, samples=(("1", "01"),), is_restricted=True)
    with database.write() as connection:
        repairs.replace_for_step(connection, run.id, "silver.a", [shown, hidden])
        repairs.replace_for_step(connection, run.id, "silver.a", [shown, hidden])
        found = [one.repair for one in repairs.of_run(connection, run.id)]
    assert found == [shown, replace(hidden, samples=(), is_restricted=False)]


def test_events_are_read_after_an_id_in_order_and_by_kind(database: Database) -> None:
    with database.write() as connection:
        for number in range(5):
            kind = "run.done" if number % 2 else "run.started"
            events.append(connection, at=NOW, kind=kind, subject=f"run-{number}", payload={"number": number})
    with database.read() as connection:
        first = events.after(connection, 0, limit=2)
        rest = events.after(connection, first[-1].id)
        ends = events.after(connection, 0, kinds=("run.done",))
        assert events.last_id(connection) == rest[-1].id
    assert [one.payload["number"] for one in first + rest] == [0, 1, 2, 3, 4]
    assert [one.subject for one in ends] == ["run-1", "run-3"]


def test_an_event_with_a_key_is_appended_once(database: Database) -> None:
    with database.write() as connection:
        for _ in range(3):
            events.append(connection, at=NOW, kind="run.done", subject="r", key="r/end")
            events.append(connection, at=NOW, kind="tick", subject="r")
    with database.read() as connection:
        assert [one.kind for one in events.after(connection, 0)].count("run.done") == 1
        assert [one.kind for one in events.after(connection, 0)].count("tick") == 3


def test_a_reader_that_polls_while_others_append_misses_no_event(database: Database) -> None:
    def append(writer: int) -> None:
        for number in range(20):
            with database.write() as connection:
                events.append(connection, at=NOW, kind="k", subject=f"{writer}-{number}")

    writers = [threading.Thread(target=append, args=(writer,)) for writer in range(3)]
    for writer in writers:
        writer.start()
    seen: list[str] = []
    last = 0
    are_writing = True
    while are_writing:
        are_writing = any(writer.is_alive() for writer in writers)
        with database.read() as connection:
            found = events.after(connection, last)
        seen += [one.subject for one in found]
        last = found[-1].id if found else last
    for writer in writers:
        writer.join()
    assert sorted(seen) == sorted(f"{writer}-{number}" for writer in range(3) for number in range(20))


def test_a_source_position_is_replaced_by_the_newer_one(database: Database) -> None:
    with database.write() as connection:
        source_positions.save(connection, SourcePosition("pedidos", {"id": 7}, "run-1", NOW))
        newer = SourcePosition("pedidos", {"id": 9, "seen": ["a"]}, "run-2", NOW + timedelta(1))
        source_positions.save(connection, newer)
        assert source_positions.find(connection, "pedidos") == newer
        source_positions.forget(connection, "pedidos")
        assert source_positions.find(connection, "pedidos") is None


def test_files_taken_in_are_known_by_path_with_their_newest_content(database: Database) -> None:
    first = SourceFile("pedidos", "a.csv", "aa", 10, "landing/a", "run-1", NOW)
    other = replace(first, path="b.csv")
    changed = replace(first, sha256="bb", size_bytes=2**40)
    with database.write() as connection:
        source_files.save(connection, [first, other])
        source_files.save(connection, [changed])
        source_files.save(connection, [])
        assert source_files.of_source(connection, "pedidos") == [changed, other]
        source_files.forget(connection, "pedidos")
        assert source_files.of_source(connection, "pedidos") == []


def test_a_claimed_outbox_entry_is_nobody_elses_until_its_lease_ends(database: Database) -> None:
    entry = OutboxEntry(id="1", kind="mail", payload={"to": "x"}, created_at=NOW, due_at=NOW, key="once")
    with database.write() as connection:
        outbox.put(connection, entry)
        outbox.put(connection, replace(entry, id="2"))
    with database.write() as connection:
        claimed = outbox.claim(connection, kind="mail", at=NOW, lease_seconds=60)
    with database.write() as connection:
        assert outbox.claim(connection, kind="mail", at=NOW, lease_seconds=60) == []
        again = outbox.claim(connection, kind="mail", at=NOW + timedelta(seconds=61), lease_seconds=60)
        outbox.put_back(connection, "1", due_at=NOW, error_code="mail.refused")
        third = outbox.claim(connection, kind="mail", at=NOW, lease_seconds=60)
        outbox.finish(connection, "1")
        assert outbox.claim(connection, kind="mail", at=NOW + timedelta(1), lease_seconds=60) == []
    assert [(one.id, one.attempts) for one in claimed + again + third] == [("1", 1), ("1", 2), ("1", 3)]


def test_only_the_holder_of_a_lock_beats_and_releases_it(database: Database) -> None:
    lock = RunLock("vendas", "me", None, 1, "0", "here", NOW, NOW)
    with database.write() as connection:
        run_locks.take(connection, lock)
        assert not run_locks.beat(connection, "vendas", executor_id="other", at=NOW)
        run_locks.release(connection, "vendas", executor_id="other")
        assert run_locks.beat(connection, "vendas", executor_id="me", at=NOW + timedelta(1))
        run_locks.assign(connection, "vendas", executor_id="me", run_id="r")
        assert run_locks.find(connection, "vendas") == replace(lock, run_id="r", heartbeat_at=NOW + timedelta(1))
        run_locks.release(connection, "vendas", executor_id="me")
        assert run_locks.find(connection, "vendas") is None


def test_of_many_that_take_a_free_lock_at_once_one_gets_it(database: Database) -> None:
    winners: list[str] = []
    start = threading.Barrier(4)

    def take(name: str) -> None:
        start.wait()
        with database.write() as connection:
            if run_locks.find(connection, "vendas") is None:
                run_locks.take(connection, RunLock("vendas", name, None, 1, "0", "here", NOW, NOW))
                winners.append(name)

    threads = [threading.Thread(target=take, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(winners) == 1


def test_a_schedule_remembers_its_last_tick(database: Database) -> None:
    tick = ScheduleTick("vendas", "diario", "0 6 * * *", NOW)
    with database.write() as connection:
        assert schedule_ticks.find(connection, "vendas", "diario") is None
        schedule_ticks.save(connection, tick)
        schedule_ticks.save(connection, replace(tick, last_tick_at=NOW + timedelta(1)))
        found = schedule_ticks.find(connection, "vendas", "diario")
    assert found == replace(tick, last_tick_at=NOW + timedelta(1))


def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    def fail(write: Callable[[sa.Connection], None]) -> None:
        with database.write() as connection:
            write(connection)
            raise StateError("state.test", "given up")

    with pytest.raises(StateError, match="given up"):
        fail(lambda connection: runs_table.insert(connection, a_run()))
    with database.read() as connection:
        assert runs_table.newest(connection) == []
