"""`afluente serve` as a real process: it answers, stops on SIGTERM, and loses nothing over a restart."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from afluente.state.database import open_state
from afluente.watch import observations
from tests.e2e.cli_project import afluente, make_project, process
from tests.until import until


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes to be ended after the test."""
    running: list[subprocess.Popen[str]] = []
    yield running
    for one in running:
        one.kill()
        one.communicate()


def serve(folder: Path, started: list[subprocess.Popen[str]]) -> tuple[subprocess.Popen[str], str]:
    one = subprocess.Popen(process(folder, "serve", "--port", "0"), stdout=subprocess.PIPE, text=True)
    started.append(one)
    assert one.stdout is not None
    return one, one.stdout.readline().strip()


def get(address: str) -> dict[str, object]:
    with urllib.request.urlopen(address) as answer:  # noqa: S310
        told: dict[str, object] = json.load(answer)
    return told


def is_healthy(address: str) -> bool:
    try:
        return bool(get(f"{address}/health"))
    except urllib.error.HTTPError:
        return False


def test_it_answers_stops_cleanly_and_goes_on(tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    folder = make_project(tmp_path / "loja")
    settings = folder / "afluente.yaml"
    schedule = 'schedules:\n  diario: {cron: "0 6 * * *", run: [gold.vendas_uf]}\n'
    settings.write_text(settings.read_text(encoding="utf-8") + schedule, encoding="utf-8")
    assert afluente(folder, "run").returncode == 0
    seen = []
    for _ in range(2):
        one, address = serve(folder, started)
        assert address.startswith("http://127.0.0.1:")
        until(lambda: is_healthy(address), "health", by=one)
        health = get(f"{address}/health")
        assert (health["pipeline"], [s["name"] for s in health["schedules"]]) == ("loja", ["diario"])
        seen.append([run["id"] for run in get(f"{address}/api/runs")["runs"]])
        one.send_signal(signal.SIGTERM)
        assert one.wait() == 0
    assert seen[0] == seen[1]
    assert len(seen[0]) == 1


def test_the_figures_of_a_scheduled_run_are_kept_without_alerts(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    folder = make_project(tmp_path / "loja")
    settings = folder / "afluente.yaml"
    schedule = 'schedules:\n  sempre: {cron: "* * * * *", run: [gold.vendas_uf]}\n'
    settings.write_text(settings.read_text(encoding="utf-8") + schedule, encoding="utf-8")
    serve(folder, started)
    ended = time.monotonic() + 300
    with open_state("sqlite:///.afluente/state.db", folder) as database:
        while time.monotonic() < ended:
            with database.read() as connection:
                if metrics := observations.metrics(connection):
                    break
            time.sleep(0.5)
    assert ("gold.vendas_uf", "rows", 1) in metrics


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "loja")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = afluente(folder, "serve", "--port", str(taken.getsockname()[1]))
    assert ended.returncode == 1
    assert "runs.cannot_listen" in ended.stderr
