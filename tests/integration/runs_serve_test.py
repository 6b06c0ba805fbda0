"""`serve` in a real process: it answers, runs what is due, stops clean and goes on where it was stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.integration.runs_toy import hold, release
from tests.until import until

from afluente.state import runs_table, schedule_ticks
from afluente.state.database import open_state
from afluente.state.runs_table import Run
from afluente.state.schedule_ticks import ScheduleTick

TOY = Path(__file__).with_name("runs_serve_toy.py")
SQLITE = "sqlite:///.afluente/state.db"
YEARLY = "0 0 1 1 *"
Start = Callable[..., tuple["subprocess.Popen[str]", str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `serve` on `tmp_path`; gives the process and its address."""
    started: list[subprocess.Popen[str]] = []

    def begin(cron: str = YEARLY, seconds: float = 0.02) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, str(TOY), str(tmp_path), cron, str(seconds)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def get(address: str, path: str, *, host: str | None = None) -> tuple[int, dict[str, object]]:
    request = urllib.request.Request(address + path, headers={"Host": host} if host else {})  # noqa: S310
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def let_a_tick_be_missed(root: Path, cron: str = YEARLY) -> None:
    """As if `serve` had last answered two years ago."""
    with open_state(SQLITE, root) as database, database.write() as connection:
        long_ago = datetime.now(UTC) - timedelta(days=800)
        schedule_ticks.save(connection, ScheduleTick("toy", "cedo", cron, long_ago))


def runs_of(root: Path) -> list[Run]:
    with open_state(SQLITE, root) as database, database.read() as connection:
        return runs_table.newest(connection)


def begun(root: Path) -> list[str]:
    path = root / "begun.txt"
    return [line.split()[1] for line in path.read_text().splitlines()] if path.exists() else []


def test_it_listens_on_the_loopback_and_tells_its_health(start: Start) -> None:
    process, address = start("0 6 * * *")
    assert address.startswith("http://127.0.0.1:")
    until(lambda: get(address, "/health")[0] == 200, "health", by=process)
    status, body = get(address, "/health")
    assert (status, body["status"], body["pipeline"], body["running"]) == (200, "ok", "toy", None)
    assert [one["cron"] for one in body["schedules"]] == ["0 6 * * *"]
    assert get(address, "/nothing")[0] == 404
    assert get(address, "/health", host="evil.example")[0] == 403
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0


def test_missed_ticks_are_answered_by_one_run_which_the_api_tells(start: Start, tmp_path: Path) -> None:
    let_a_tick_be_missed(tmp_path)
    process, address = start()
    until(lambda: [run.status for run in runs_of(tmp_path)] == ["done"], "the missed run", by=process)
    time.sleep(0.3)
    [run] = runs_of(tmp_path)
    assert (run.trigger, run.schedule, run.engine) == ("schedule", "cedo", "duckdb")
    status, listed = get(address, "/api/runs?limit=5")
    assert (status, [one["id"] for one in listed["runs"]]) == (200, [run.id])
    status, told = get(address, f"/api/runs/{run.id}")
    assert (status, told["status"], len(told["steps"])) == (200, "done", 6)
    assert "plan" not in told
    assert get(address, "/api/runs/unknown")[0] == 404
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0
    assert len(runs_of(tmp_path)) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_a_stop_interrupts_is_ended_at_the_next_start(
    number: signal.Signals, start: Start, tmp_path: Path
) -> None:
    let_a_tick_be_missed(tmp_path)
    hold(tmp_path, "source.a", "source.b")
    process, _ = start(YEARLY)
    until(lambda: len(begun(tmp_path)) >= 2, "two steps", by=process)
    process.send_signal(number)
    if number == signal.SIGTERM:
        until((tmp_path / "stopping").exists, "the stop", by=process)
        release(tmp_path)
    assert process.wait() == (0 if number == signal.SIGTERM else -signal.SIGKILL)
    [run] = runs_of(tmp_path)
    assert run.status == ("interrupted" if number == signal.SIGTERM else "running")

    release(tmp_path)
    process, _ = start()
    until(lambda: [one.status for one in runs_of(tmp_path)] == ["done"], "the end of the run", by=process)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0
    assert [one.id for one in runs_of(tmp_path)] == [run.id]
    if number == signal.SIGTERM:
        assert set(Counter(begun(tmp_path)).values()) == {1}
