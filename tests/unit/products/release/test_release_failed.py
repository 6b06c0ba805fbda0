"""A scheduled release that cannot be made: written down once a tick, told as an alert, ended by the next release."""

from __future__ import annotations

import threading
from pathlib import Path

from release_project import NOW, SETTINGS, commit_facts, make_project, open_project, sales
from tests.until import PATIENCE_SECONDS, until

from afluente.core.clock import SetClock
from afluente.products.publisher import Publisher
from afluente.runs.steps.workspace import Workspace
from afluente.state import events
from afluente.state.schedule_ticks import find
from afluente.watch import alerts
from afluente.watch.events_to_alerts import read_events

ALERTS = """alerts:
  owner: dados@example.com
  channels:
    - name: equipe
      mail: {server: 127.0.0.1, port: 1, security: none, from: a@example.com, to: time@example.com}
"""


def standing(workspace: Workspace) -> list[tuple[str, str]]:
    read_events(workspace)
    with workspace.state.read() as connection:
        return [(one.kind, one.subject) for one in alerts.listing(connection)]


def test_it_is_written_down_once_a_tick_told_and_ended_by_a_release(tmp_path: Path) -> None:
    root = make_project(tmp_path / "banca", settings=SETTINGS + ALERTS)
    path = root / "products" / "vendas.yaml"
    path.write_text(path.read_text(encoding="utf-8") + 'cron: "0 8 * * *"\n', encoding="utf-8")
    clock = SetClock(NOW)
    errors: list[str] = []
    failed_twice, released = threading.Event(), threading.Event()

    def on_error(error: Exception) -> None:
        errors.append(error.code)  # type: ignore[attr-defined]
        if len(errors) == 2:
            failed_twice.set()

    with open_project(root, clock=clock) as workspace:
        publisher = Publisher(
            lambda: open_project(root, clock=clock),
            on_release=lambda _: released.set(),
            on_sent=lambda _: None,
            on_error=on_error,
            look_seconds=0.05,
        )
        publisher.start()
        try:
            until(lambda: has_begun(workspace), "the schedule's beginning")
            clock.advance(seconds=86400)
            assert failed_twice.wait(PATIENCE_SECONDS)
            with workspace.state.read() as connection:
                told = events.after(connection, 0, kinds=("release.failed",))
            assert [(one.subject, one.payload["error_code"]) for one in told] == [
                ("product/vendas", "release.facts_missing")
            ]
            assert standing(workspace) == [("transformation", "product/vendas")]
            commit_facts(workspace, sales())
            assert released.wait(PATIENCE_SECONDS)
            assert standing(workspace) == []
        finally:
            publisher.stop()
    assert set(errors) == {"release.facts_missing"}


def has_begun(workspace: Workspace) -> bool:
    with workspace.state.read() as connection:
        return find(connection, workspace.project.name, "product/vendas") is not None
