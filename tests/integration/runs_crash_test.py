"""Runs in real processes that are killed, stopped and started twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.integration.runs_toy import hold, release
from tests.postgres_server import postgres_server
from tests.until import until

from afluente.state import runs_table, steps_table
from afluente.state.database import open_state
from afluente.state.runs_table import Run
from afluente.state.steps_table import StepRow

TOY = Path(__file__).with_name("runs_toy.py")
SQLITE = "sqlite:///.afluente/state.db"
STEPS = {"source.a", "source.b", "silver.a", "silver.b", "gold.x", "gold.y"}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty state database."""
    if request.param == "sqlite":
        yield SQLITE
        return
    with postgres_server() as server:
        yield str(server.get_uri())


def start(root: Path, url: str, command: str, seconds: float = 0.02) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(TOY), str(root), url, command, str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(root: Path, url: str, command: str, seconds: float = 0.02) -> tuple[int, str, str]:
    process = start(root, url, command, seconds)
    stdout, stderr = process.communicate()
    return process.returncode, stdout, stderr


def lines(root: Path, name: str) -> list[list[str]]:
    path = root / name
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def wait_for_lines(root: Path, name: str, count: int, process: subprocess.Popen[str]) -> None:
    until(lambda: len(lines(root, name)) >= count, f"{count} lines of {name}", by=process)


def read_runs(root: Path, url: str) -> list[tuple[Run, list[StepRow]]]:
    with open_state(url, root) as database, database.read() as connection:
        return [(run, steps_table.of_run(connection, run.id)) for run in runs_table.newest(connection)]


def test_a_run_killed_at_random_points_ends_with_each_effect_once(url: str, tmp_path: Path) -> None:
    chance = random.Random(20260301)
    hold(tmp_path, "gold.y")
    for kill in range(8):
        has_one_step_left = len(lines(tmp_path, "ended.txt")) >= len(STEPS) - 1
        if has_one_step_left and kill > 1:
            break
        more = 1 if has_one_step_left else chance.randint(1, 2)
        begun = len(lines(tmp_path, "begun.txt"))
        process = start(tmp_path, url, "recover" if kill else "execute", 0.2)
        wait_for_lines(tmp_path, "begun.txt", begun + more, process)
        time.sleep(chance.random() * 0.25)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    release(tmp_path)
    status, _, stderr = finish(tmp_path, url, "recover")
    assert status == 0, stderr

    [(run, steps)] = read_runs(tmp_path, url)
    assert run.status == "done"
    assert run.takeovers >= 1
    assert {step.name: step.status for step in steps} == dict.fromkeys(STEPS, "done")
    effects = {path.name: path.read_text() for path in (tmp_path / "effects" / run.id).iterdir() if path.name[0] != "."}
    assert set(effects) == STEPS
    ended_last = {step: token for _, step, _, token in lines(tmp_path, "ended.txt")}
    assert effects == ended_last


def test_finished_steps_are_not_repeated_after_a_kill(url: str, tmp_path: Path) -> None:
    hold(tmp_path, "silver.a", "silver.b")
    process = start(tmp_path, url, "execute")
    wait_for_lines(tmp_path, "begun.txt", 3, process)
    with open_state(url, tmp_path) as database, database.read() as connection:
        run = runs_table.newest(connection)[0]
        finished = {step.name for step in steps_table.of_run(connection, run.id) if step.status == "done"}
    process.kill()
    process.communicate()
    release(tmp_path)
    assert finished
    assert finished <= {"source.a", "source.b"}

    status, stdout, stderr = finish(tmp_path, url, "recover")
    assert status == 0, stderr
    assert stdout.split() == [run.id, "done", "1"]
    begun = Counter(step for _, step, _, _ in lines(tmp_path, "begun.txt"))
    assert set(begun) == STEPS
    assert all(begun[name] == 1 for name in finished)
    tokens = {(step, token) for _, step, _, token in lines(tmp_path, "begun.txt")}
    assert len(tokens) == len(STEPS), "a repeated step got another durable input"


def test_a_new_run_first_goes_on_with_the_one_that_was_killed(tmp_path: Path) -> None:
    hold(tmp_path, "silver.a", "silver.b")
    process = start(tmp_path, SQLITE, "execute")
    wait_for_lines(tmp_path, "begun.txt", 3, process)
    process.kill()
    process.communicate()
    release(tmp_path)
    status, _, stderr = finish(tmp_path, SQLITE, "execute")
    assert status == 0, stderr
    (second, _), (first, _) = read_runs(tmp_path, SQLITE)
    assert (first.status, first.takeovers) == ("done", 1)
    assert (second.status, second.takeovers) == ("done", 0)
    assert first.ended_at is not None
    assert first.ended_at <= second.started_at


def test_a_second_run_at_once_is_refused_and_harms_nothing(url: str, tmp_path: Path) -> None:
    hold(tmp_path, "source.a")
    first = start(tmp_path, url, "execute")
    wait_for_lines(tmp_path, "begun.txt", 1, first)
    status, _, stderr = finish(tmp_path, url, "execute")
    release(tmp_path)
    assert status == 1
    assert "runs.already_running" in stderr
    assert str(first.pid) in stderr
    first.communicate()
    assert first.returncode == 0
    [(run, _)] = read_runs(tmp_path, url)
    assert run.status == "done"
    assert Counter(step for _, step, _, _ in lines(tmp_path, "begun.txt")) == dict.fromkeys(STEPS, 1)


def test_many_runs_at_once_leave_one_after_another(tmp_path: Path) -> None:
    processes = [start(tmp_path, SQLITE, "execute", 0.05) for _ in range(3)]
    outcomes = []
    for process in processes:
        _, stderr = process.communicate()
        outcomes.append((process.returncode, "runs.already_running" in stderr))
    assert set(outcomes) <= {(0, False), (1, True)}
    done = read_runs(tmp_path, SQLITE)
    assert len(done) == outcomes.count((0, False)) >= 1
    assert all(run.status == "done" for run, _ in done)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_ends_its_running_steps_and_is_resumed_by_its_id(number: signal.Signals, tmp_path: Path) -> None:
    hold(tmp_path, "source.a", "source.b")
    process = start(tmp_path, SQLITE, "execute")
    wait_for_lines(tmp_path, "begun.txt", 2, process)
    process.send_signal(number)
    until((tmp_path / "stopping").exists, "the stop", by=process)
    release(tmp_path)
    stdout, stderr = process.communicate()
    run_id, status, _ = stdout.split()
    assert (status, process.returncode) == ("interrupted", 1), stderr
    begun = lines(tmp_path, "begun.txt")
    assert len(begun) == len(lines(tmp_path, "ended.txt")) == 2

    code, stdout, stderr = finish(tmp_path, SQLITE, run_id[:13])
    assert (code, stdout.split()[:2]) == (0, [run_id, "done"]), stderr
    assert Counter(step for _, step, _, _ in lines(tmp_path, "begun.txt")) == dict.fromkeys(STEPS, 1)


def test_a_run_whose_workflow_history_was_lost_goes_on_from_the_state(tmp_path: Path) -> None:
    hold(tmp_path, "silver.a", "silver.b")
    process = start(tmp_path, SQLITE, "execute")
    wait_for_lines(tmp_path, "ended.txt", 2, process)
    process.kill()
    process.communicate()
    release(tmp_path)
    finished = {step.name for step in read_runs(tmp_path, SQLITE)[0][1] if step.status == "done"}
    for path in (tmp_path / ".afluente").glob("runs.db*"):
        path.unlink()
    status, _, stderr = finish(tmp_path, SQLITE, "recover")
    assert status == 0, stderr
    begun = Counter(step for _, step, _, _ in lines(tmp_path, "begun.txt"))
    assert all(begun[name] == 1 for name in finished)
    assert read_runs(tmp_path, SQLITE)[0][0].status == "done"


def test_no_pickle_is_written_anywhere(tmp_path: Path) -> None:
    process = start(tmp_path, SQLITE, "execute", 0.4)
    wait_for_lines(tmp_path, "ended.txt", 2, process)
    process.kill()
    process.communicate()
    engine = sa.create_engine(f"sqlite:///{tmp_path / '.afluente' / 'runs.db'}")
    with engine.connect() as connection:
        kinds = set(connection.execute(sa.text("SELECT serialization FROM operation_outputs")).scalars())
        kinds |= set(connection.execute(sa.text("SELECT serialization FROM workflow_status")).scalars())
    engine.dispose()
    assert kinds == {"portable_json"}


def test_a_process_that_stands_still_keeps_its_run(tmp_path: Path) -> None:
    hold(tmp_path, "source.a")
    process = start(tmp_path, SQLITE, "execute")
    wait_for_lines(tmp_path, "begun.txt", 1, process)
    os.kill(process.pid, signal.SIGSTOP)
    status, _, stderr = finish(tmp_path, SQLITE, "recover")
    os.kill(process.pid, signal.SIGCONT)
    release(tmp_path)
    process.communicate()
    assert (status, "runs.already_running" in stderr) == (1, True), stderr
    assert process.returncode == 0


def test_a_process_that_stands_still_in_the_middle_of_a_write_keeps_its_run(tmp_path: Path) -> None:
    hold(tmp_path, "source.a")
    process = start(tmp_path, SQLITE, "execute")
    wait_for_lines(tmp_path, "begun.txt", 1, process)
    with open_state(SQLITE, tmp_path) as database, database.write():
        status, _, stderr = finish(tmp_path, SQLITE, "recover")
    release(tmp_path)
    process.communicate()
    assert (status, "runs.already_running" in stderr) == (1, True), stderr
    assert process.returncode == 0


@pytest.mark.parametrize("kibibytes", [150, 300, 450])
def test_a_disk_that_fills_up_is_told_and_the_run_goes_on_when_there_is_room(kibibytes: int, tmp_path: Path) -> None:
    open_state(SQLITE, tmp_path).close()
    command = f'ulimit -f {kibibytes}; exec "$@"'
    arguments = [sys.executable, str(TOY), str(tmp_path), SQLITE, "execute"]
    limited = subprocess.run(["bash", "-c", command, "bash", *arguments], capture_output=True, text=True, check=False)
    assert (limited.returncode, "state.disk_full" in limited.stderr) in {(1, True), (0, False)}, limited.stderr
    status, _, stderr = finish(tmp_path, SQLITE, "execute")
    assert status == 0, stderr
    assert {run.status for run, _ in read_runs(tmp_path, SQLITE)} == {"done"}


def test_a_damaged_workflow_history_is_told_and_moving_it_aside_mends_it(tmp_path: Path) -> None:
    folder = tmp_path / ".afluente"
    folder.mkdir()
    (folder / "runs.db").write_text("not a database, but long enough to have a header" * 100)
    status, _, stderr = finish(tmp_path, SQLITE, "execute")
    assert (status, "state.corrupt" in stderr, "runs.db" in stderr) == (1, True, True), stderr
    (folder / "runs.db").unlink()
    assert finish(tmp_path, SQLITE, "recover")[0] == 0
    assert [run.status for run, _ in read_runs(tmp_path, SQLITE)] == ["done"]
