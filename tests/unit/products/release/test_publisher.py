"""A server that keeps products releases at the ticks of their schedule, once each, and sends what is due."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from afluente.core.clock import SetClock
from afluente.core.errors import AfluenteError
from afluente.products.publisher import Publisher, scheduled, timetable_of
from afluente.products.release.build import ReleaseOutcome
from afluente.products.sending import SendOutcome
from tests.unit.products.release.release_project import NOW, commit_facts, make_project, open_project, sales


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = make_project(tmp_path / "banca")
    path = root / "products" / "vendas.yaml"
    path = path if path.exists() else next((root / "products").iterdir())
    path.write_text(path.read_text(encoding="utf-8") + 'cron: "0 8 * * *"\n', encoding="utf-8")
    with open_project(root) as workspace:
        commit_facts(workspace, sales())
    return root


class Seen:
    """What a publisher told, and a moment to wait for."""

    def __init__(self) -> None:
        self.releases: list[ReleaseOutcome] = []
        self.sent: list[SendOutcome] = []
        self.errors: list[AfluenteError] = []
        self.changed = threading.Condition()

    def take(self, into: list[object], told: object) -> None:
        with self.changed:
            into.append(told)
            self.changed.notify_all()

    def wait(self, *, releases: int, sent: int) -> None:
        with self.changed:
            assert self.changed.wait_for(
                lambda: self.errors or (len(self.releases) >= releases and len(self.sent) >= sent), timeout=120
            )
        assert self.errors == []


def publisher(project: Path, clock: SetClock, seen: Seen) -> Publisher:
    return Publisher(
        lambda: open_project(project, clock=clock),
        on_release=lambda told: seen.take(seen.releases, told),
        on_sent=lambda told: seen.take(seen.sent, told),
        on_error=lambda told: seen.take(seen.errors, told),
        look_seconds=0.02,
    )


def test_a_tick_releases_once_and_what_is_due_is_sent(project: Path) -> None:
    clock, seen = SetClock(NOW), Seen()
    with open_project(project, clock=clock) as workspace:
        for product in scheduled(workspace):
            timetable_of(workspace, product).begin(workspace.state, at=clock.now())
    clock.advance(seconds=24 * 3600)
    for turn in range(2):
        one = publisher(project, clock, seen)
        one.start()
        seen.wait(releases=1 + turn, sent=2)
        one.stop()
        clock.advance(seconds=24 * 3600)
    assert [told.status for told in seen.releases] == ["released", "unchanged"]
    assert sorted(told.name for told in seen.sent) == ["copia", "so_mes"]
    assert (project / "entregas" / "vendas-000001.ok").exists()


def test_before_its_first_tick_a_new_schedule_releases_nothing(project: Path) -> None:
    clock, seen = SetClock(NOW), Seen()
    one = publisher(project, clock, seen)
    one.start()
    one.stop()
    with open_project(project, clock=clock) as workspace:
        [product] = scheduled(workspace)
        assert timetable_of(workspace, product).due(workspace.state, at=clock.now()) is None
    assert seen.releases == []
