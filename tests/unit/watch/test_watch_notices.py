"""Which notices are written when: grouped, repeated, silenced, inhibited, graver, resolved, by channel."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.unit.watch.watched_project import NOW, clock_of, happen, watched

from afluente.runs.steps.workspace import Workspace
from afluente.state.database import Database
from afluente.state.schema import OUTBOX
from afluente.state.watch_schema import NOTICES
from afluente.watch import alerts, silences
from afluente.watch.alert import Alert
from afluente.watch.budget import budget
from afluente.watch.events_to_alerts import read_events
from afluente.watch.notify import Notified, backoff_seconds, notify_due, waiting, write_notices

FAILED = Alert("extraction", "error", "source.pedidos", "source.file_missing", "A não lida", "A not read", owner="ana")
TWO_CHANNELS = """\
    - name: equipe
      mail: {server: 127.0.0.1, port: 1, security: none, from: a@example.com, to: time@example.com}
    - name: plantao
      min_severity: critical
      mail: {server: 127.0.0.1, port: 1, security: none, from: a@example.com, to: dono@example.com}
"""


@pytest.fixture
def workspace(tmp_path: Path, database: Database) -> Workspace:
    return watched(tmp_path, database)


def fire(workspace: Workspace, *fired: Alert) -> None:
    with workspace.state.write() as connection:
        for alert in fired:
            alerts.fire(connection, alert, at=workspace.clock.now())


def write(workspace: Workspace) -> int:
    assert workspace.project.alerts is not None
    return write_notices(workspace, workspace.project.alerts)


def texts(workspace: Workspace) -> list[tuple[str, str, str]]:
    with workspace.state.read() as connection:
        query = sa.select(OUTBOX.c.payload).join(NOTICES, NOTICES.c.outbox_id == OUTBOX.c.id).order_by(NOTICES.c.id)
        rows = connection.execute(query).scalars()
        return [(str(row["channel"]), str(row["subject"]), str(row["text"])) for row in rows]


def test_one_group_is_one_notice_and_another_group_another(workspace: Workspace) -> None:
    fire(
        workspace,
        FAILED,
        replace(FAILED, subject="source.b", title_pt="B não lida"),
        replace(FAILED, owner="bia", subject="c"),
    )
    assert write(workspace) == 2
    assert write(workspace) == 0
    both = next(text for _, subject, text in texts(workspace) if "e mais 1" in subject)
    assert "A não lida" in both
    assert "B não lida" in both
    assert "dono: ana" in both
    assert f"afluente watch ack {FAILED.fingerprint[:12]}" in both


def test_what_stands_is_told_again_after_the_interval_and_no_sooner(tmp_path: Path, database: Database) -> None:
    workspace = watched(tmp_path, database, settings="  repeat_hours: 6\n")
    fire(workspace, FAILED)
    assert write(workspace) == 1
    clock_of(workspace).advance(seconds=6 * 3600 - 1)
    assert write(workspace) == 0
    clock_of(workspace).advance(seconds=1)
    assert write(workspace) == 1


def test_a_new_alert_of_a_group_brings_the_others_along_and_starts_the_interval(workspace: Workspace) -> None:
    fire(workspace, FAILED)
    write(workspace)
    clock_of(workspace).advance(seconds=23 * 3600)
    fire(workspace, replace(FAILED, subject="source.b"))
    assert write(workspace) == 1
    assert "A não lida" in texts(workspace)[-1][2]
    clock_of(workspace).advance(seconds=2 * 3600)
    assert write(workspace) == 0


def test_the_third_time_is_told_at_once_to_those_on_duty(tmp_path: Path, database: Database) -> None:
    workspace = watched(tmp_path, database, channels=TWO_CHANNELS)
    fire(workspace, FAILED)
    assert write(workspace) == 1
    fire(workspace, FAILED)
    assert write(workspace) == 0
    fire(workspace, FAILED)
    assert write(workspace) == 2
    assert [channel for channel, _, _ in texts(workspace)] == ["equipe", "equipe", "plantao"]
    assert "crítico" in texts(workspace)[-1][1]
    assert "3x desde 2026-05-18 09:00" in texts(workspace)[-1][2]


def test_an_end_is_told_once_and_only_to_those_who_heard_of_it(workspace: Workspace) -> None:
    fire(workspace, FAILED, replace(FAILED, subject="source.b", severity="info"))
    write(workspace)
    with workspace.state.write() as connection:
        alerts.resolve_subject(connection, "source.pedidos", kinds=("extraction",), at=workspace.clock.now())
        alerts.resolve_subject(connection, "source.b", kinds=("extraction",), at=workspace.clock.now())
    assert write(workspace) == 1
    assert write(workspace) == 0
    _, subject, text = texts(workspace)[-1]
    assert subject == "[vendas] resolvido: A não lida"
    assert "RESOLVIDO: A não lida" in text


def test_what_comes_and_goes_before_anybody_heard_is_not_told(workspace: Workspace) -> None:
    fire(workspace, FAILED)
    with workspace.state.write() as connection:
        alerts.resolve(connection, FAILED.fingerprint, at=NOW)
    assert write(workspace) == 0


def test_what_is_silenced_is_counted_and_told_when_the_silence_ends(workspace: Workspace) -> None:
    with workspace.state.write() as connection:
        silences.silence(connection, {"subject": "source.*"}, hours=2, by_whom="ana", reason="x", at=NOW)
    fire(workspace, FAILED, FAILED)
    assert write(workspace) == 0
    clock_of(workspace).advance(seconds=2 * 3600)
    assert write(workspace) == 1
    assert "2x desde" in texts(workspace)[-1][2]


def test_what_is_acknowledged_is_not_told_again_but_its_end_is(workspace: Workspace) -> None:
    fire(workspace, FAILED)
    write(workspace)
    with workspace.state.write() as connection:
        alerts.acknowledge(connection, FAILED.fingerprint, by_whom="ana", reason="vendo", at=NOW)
    clock_of(workspace).advance(seconds=72 * 3600)
    assert write(workspace) == 0
    with workspace.state.write() as connection:
        alerts.resolve(connection, FAILED.fingerprint, at=workspace.clock.now())
    assert write(workspace) == 1


def test_the_root_cause_is_told_and_what_hangs_on_it_only_once_it_is_gone(workspace: Workspace) -> None:
    cause = replace(FAILED, kind="connection", code="source.unreachable")
    effect = replace(FAILED, kind="inconsistency", subject="bronze.pedidos", code="quality.x")
    fire(workspace, cause, effect)
    assert write(workspace) == 1
    assert "bronze.pedidos" not in texts(workspace)[0][2]
    with workspace.state.write() as connection:
        alerts.resolve(connection, cause.fingerprint, at=NOW)
    write(workspace)
    assert any("bronze.pedidos" in text for _, _, text in texts(workspace))


def test_a_channel_takes_only_what_is_grave_enough_for_it(tmp_path: Path, database: Database) -> None:
    workspace = watched(tmp_path, database, channels=TWO_CHANNELS)
    fire(workspace, replace(FAILED, severity="info"))
    assert write(workspace) == 0
    fire(workspace, replace(FAILED, subject="x", severity="critical"))
    assert write(workspace) == 2


def test_the_week_of_a_channel_is_counted(workspace: Workspace) -> None:
    for day in range(9):
        fire(workspace, replace(FAILED, subject=f"source.s{day}", owner=f"o{day}"))
        write(workspace)
        clock_of(workspace).advance(seconds=86_400)
    with workspace.state.read() as connection:
        spent = budget(connection, "equipe", allowed=5, at=NOW + timedelta(days=8))
        nothing = budget(connection, "outro", allowed=5, at=NOW)
    assert spent.spent > 5
    assert spent.is_overspent
    assert not nothing.is_overspent
    assert "de 40 avisos nos últimos sete dias" in texts(workspace)[-1][2]


def test_notices_speak_the_language_of_the_project(tmp_path: Path, database: Database) -> None:
    workspace = watched(tmp_path, database, language="en")
    fire(workspace, FAILED)
    write(workspace)
    _, subject, text = texts(workspace)[0]
    assert subject == "[vendas] error: A not read"
    assert "ERROR (extraction): A not read" in text
    assert "what to do: " not in text


def test_a_notice_stands_in_the_outbox_with_its_alerts_marked_in_one_transaction(
    tmp_path: Path, any_database: Database
) -> None:
    workspace = watched(tmp_path, any_database)
    fire(workspace, FAILED)
    assert write(workspace) == 1
    with any_database.read() as connection:
        stored = alerts.find(connection, FAILED.fingerprint)
        notice = connection.execute(sa.select(NOTICES)).one()
        entry = connection.execute(sa.select(OUTBOX)).one()
    assert stored is not None
    assert stored.notified_at == NOW
    assert (notice.outbox_id, notice.fingerprints, notice.channel) == (entry.id, [FAILED.fingerprint], "equipe")
    assert entry.payload["message_id"] == f"<{entry.id}@afluente.vendas>"


def test_a_dead_server_leaves_every_notice_waiting_with_growing_pauses(tmp_path: Path, any_database: Database) -> None:
    workspace = watched(tmp_path, any_database)
    happen(workspace, "step.failed", "source.pedidos", {"error_code": "source.unreachable"})
    fire(workspace, FAILED, replace(FAILED, owner="bia", subject="b"))
    first = notify_due(workspace)
    assert first == Notified(written=2, put_back=2, error_codes=("mail.connection",))
    assert notify_due(workspace) == Notified()
    clock_of(workspace).advance(seconds=backoff_seconds(1))
    assert notify_due(workspace).put_back == 2
    clock_of(workspace).advance(seconds=backoff_seconds(1))
    assert notify_due(workspace).put_back == 0
    with any_database.read() as connection:
        assert waiting(connection) == {"waiting": 2}


def test_a_notice_is_given_up_after_a_week_and_stays_visible(workspace: Workspace) -> None:
    fire(workspace, FAILED)
    notify_due(workspace)
    with workspace.state.write() as connection:
        alerts.acknowledge(connection, FAILED.fingerprint, by_whom="a", reason="b", at=NOW)
    clock_of(workspace).advance(seconds=8 * 86_400)
    assert notify_due(workspace) == Notified(given_up=1, error_codes=("mail.connection",))
    with workspace.state.read() as connection:
        assert waiting(connection) == {"failed": 1}


def test_pauses_double_up_to_an_hour() -> None:
    assert [backoff_seconds(n) for n in (1, 2, 3, 4, 50)] == [30, 60, 120, 240, 3600]


def test_a_channel_that_was_taken_out_of_the_project_keeps_its_notices_waiting(
    tmp_path: Path, database: Database
) -> None:
    workspace = watched(tmp_path, database, channels=TWO_CHANNELS)
    fire(workspace, replace(FAILED, severity="critical"))
    write(workspace)
    without = watched(tmp_path, database)
    told = notify_due(without)
    assert told.put_back == 2
    assert set(told.error_codes) == {"mail.connection", "watch.channel_unknown"}


def test_watchers_at_once_count_each_event_and_write_each_notice_once(tmp_path: Path, any_database: Database) -> None:
    workspace = watched(tmp_path, any_database)
    for _ in range(20):
        happen(workspace, "step.failed", "source.pedidos", {"error_code": "source.unreachable"})

    def watch() -> None:
        read_events(workspace)
        write(workspace)

    threads = [threading.Thread(target=watch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts(workspace)) == 1
    with any_database.read() as connection:
        assert [one.times for one in alerts.listing(connection)] == [20]
