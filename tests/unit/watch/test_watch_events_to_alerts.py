"""Events to alerts: each kind of trouble opens its alert, and the success that follows resolves it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.watch.watched_project import NOW, clock_of, happen, watched

from afluente.runs.plan import Plan, Step
from afluente.runs.steps.workspace import Workspace
from afluente.state import events, quality_outcomes, runs_table, steps_table
from afluente.state.database import Database
from afluente.state.quality_outcomes import QualityOutcome
from afluente.state.runs_table import Run
from afluente.state.steps_table import StepRow
from afluente.watch import alerts, cursors
from afluente.watch.alerts import StoredAlert
from afluente.watch.events_to_alerts import BATCH, READER, Read, read_events
from afluente.watch.upstream import upstream_of


@pytest.fixture
def workspace(tmp_path: Path, database: Database) -> Workspace:
    return watched(tmp_path, database, settings="  quarantine_percent: 10\n")


def standing(workspace: Workspace) -> list[StoredAlert]:
    with workspace.state.read() as connection:
        return alerts.listing(connection)


def begin_run(workspace: Workspace, run_id: str, steps: tuple[Step, ...]) -> None:
    with workspace.state.write() as connection:
        runs_table.insert(
            connection,
            Run(
                id=run_id,
                pipeline="vendas",
                trigger="manual",
                status="running",
                started_at=workspace.clock.now(),
                engine="duckdb",
                engine_version="1",
                asked_tables=(),
                plan=Plan(steps).to_json(),
                executor_id="x",
                pid=1,
                host="h",
                heartbeat_at=workspace.clock.now(),
            ),
        )
        rows = [StepRow(run_id, step.name, position, step.kind) for position, step in enumerate(steps)]
        steps_table.insert_pending(connection, rows)


@pytest.mark.parametrize(
    ("step", "code", "kind"),
    [
        ("source.pedidos", "source.file_missing", "extraction"),
        ("source.pedidos", "source.unreachable", "connection"),
        ("source.pedidos", "source.login_refused", "credentials"),
        ("source.pedidos", "secret.missing", "credentials"),
        ("source.pedidos", "source.columns_differ", "contract"),
        ("silver.pedidos", "engine.out_of_memory", "transformation"),
        ("gold.vendas", "engine.sql_failed", "transformation"),
        ("gold.vendas", "engine.unreachable", "connection"),
    ],
)
def test_a_failed_step_opens_and_its_success_resolves(workspace: Workspace, step: str, code: str, kind: str) -> None:
    happen(workspace, "step.failed", step, {"error_code": code}, run_id="r1")
    assert read_events(workspace) == Read(events=1, raised=1, resolved=0)
    (alert,) = standing(workspace)
    assert (alert.kind, alert.severity, alert.subject, alert.code) == (kind, "error", step, code)
    assert (alert.owner, alert.run_id) == ("dados@example.com", "r1")
    assert alert.runbook == f"docs/runbooks/{kind}.md"
    assert alert.title("pt") != alert.title("en")
    happen(workspace, "step.done", step, run_id="r2")
    assert read_events(workspace) == Read(events=1, raised=0, resolved=1)
    assert standing(workspace) == []


def test_a_step_with_nothing_to_do_resolves_its_failure_too(workspace: Workspace) -> None:
    happen(workspace, "step.failed", "source.pedidos", {"error_code": "source.unreachable"})
    happen(workspace, "step.unchanged", "source.pedidos")
    assert read_events(workspace).resolved == 1


def test_a_step_that_is_tried_again_or_skipped_raises_nothing(workspace: Workspace) -> None:
    happen(workspace, "step.will_retry", "source.pedidos", {"error_code": "source.unreachable"})
    happen(workspace, "step.skipped", "silver.pedidos", {"waits_for": "source.pedidos"})
    assert read_events(workspace) == Read()


def test_what_the_error_said_is_told(workspace: Workspace) -> None:
    begin_run(workspace, "r1", (Step("source.pedidos", "source"),))
    with workspace.state.write() as connection:
        steps_table.mark(
            connection,
            "r1",
            "source.pedidos",
            status="failed",
            at=NOW,
            error_code="source.file_missing",
            error_message="no file matches 'entrada/*.csv'",
        )
    happen(workspace, "step.failed", "source.pedidos", {"error_code": "source.file_missing"}, run_id="r1")
    read_events(workspace)
    assert "no file matches 'entrada/*.csv'" in standing(workspace)[0].detail("pt")


def test_a_refused_step_is_a_broken_contract(workspace: Workspace) -> None:
    happen(workspace, "step.refused", "silver.pedidos", {"error_code": "quality.failed"})
    read_events(workspace)
    assert [(one.kind, one.subject) for one in standing(workspace)] == [("contract", "silver.pedidos")]


def test_rules_that_do_not_hold_are_inconsistencies_until_they_hold(workspace: Workspace) -> None:
    def outcomes(run_id: str, *, unique: quality_outcomes.OutcomeStatus, kept: quality_outcomes.OutcomeStatus) -> None:
        begin_run(workspace, run_id, (Step("silver.pedidos", "conform"),))
        rules = [
            QualityOutcome("silver.pedidos", "unico", "error", unique, column="id", threshold="= 0"),
            QualityOutcome("silver.pedidos", "cheio", "warning", kept),
            QualityOutcome("silver.pedidos", "nota", "info", "failed"),
        ]
        with workspace.state.write() as connection:
            quality_outcomes.replace_for_step(connection, run_id, "silver.pedidos", rules, at=NOW)
        happen(workspace, "step.done", "silver.pedidos", {"rows_in": 10, "rows_rejected": 0}, run_id=run_id)
        read_events(workspace)

    outcomes("r1", unique="failed", kept="error")
    assert {(one.code, one.severity) for one in standing(workspace)} == {
        ("quality.unico", "error"),
        ("quality.cheio", "warning"),
    }
    outcomes("r2", unique="passed", kept="failed")
    assert [(one.code, one.times) for one in standing(workspace)] == [("quality.cheio", 2)]
    outcomes("r3", unique="passed", kept="passed")
    assert standing(workspace) == []


@pytest.mark.parametrize(("rejected", "is_raised"), [(10, False), (11, True)])
def test_a_large_share_in_quarantine_is_an_inconsistency(workspace: Workspace, rejected: int, is_raised: bool) -> None:
    happen(workspace, "step.done", "silver.pedidos", {"rows_in": 100, "rows_rejected": rejected}, run_id="r")
    read_events(workspace)
    assert bool(standing(workspace)) == is_raised
    if is_raised:
        assert "11 de 100 linhas (11.0%)" in standing(workspace)[0].detail("pt")


def test_a_run_that_was_given_up_is_critical_until_a_run_is_done(workspace: Workspace) -> None:
    happen(workspace, "run.failed", "r1", {"error_code": "runs.gave_up"}, run_id="r1")
    happen(workspace, "run.failed", "r2", {"error_code": "source.unreachable"}, run_id="r2")
    read_events(workspace)
    assert [(one.subject, one.severity) for one in standing(workspace)] == [("run/vendas", "critical")]
    happen(workspace, "run.done", "r3", run_id="r3")
    read_events(workspace)
    assert standing(workspace) == []


def reason(code: str, action: str) -> dict[str, str]:
    return {"code": code, "action": action, "message_pt": f"pt {code}", "message_en": f"en {code}", "output": "o"}


def test_a_held_release_is_told_by_kind_of_reason_and_ends_when_one_is_released(workspace: Workspace) -> None:
    reasons = [
        reason("guardrail.volume", "hold"),
        reason("guardrail.anomaly", "hold"),
        reason("guardrail.schema", "hold"),
        reason("guardrail.freshness", "warn"),
    ]
    happen(workspace, "release.held", "product/vendas#4", {"reasons": reasons})
    read_events(workspace)
    found = {one.kind: one for one in standing(workspace)}
    assert set(found) == {"anomaly", "contract"}
    assert found["anomaly"].detail("en") == "release 4 is held: en guardrail.volume; en guardrail.anomaly"
    assert {one.group_key for one in found.values()} == {"product/vendas"}
    happen(workspace, "release.approved", "product/vendas#4", {"reasons": ["guardrail.volume"]})
    happen(workspace, "release.released", "product/vendas#4", {"reasons": ["guardrail.volume"]})
    read_events(workspace)
    assert standing(workspace) == []


def test_a_refused_release_is_of_privacy(workspace: Workspace) -> None:
    happen(workspace, "release.refused", "product/vendas#5", {"reasons": [reason("privacy.cell_narrowed", "refuse")]})
    happen(workspace, "release.refused", "product/outro#1", {})
    read_events(workspace)
    assert {(one.kind, one.subject) for one in standing(workspace)} == {
        ("privacy", "product/vendas"),
        ("privacy", "product/outro"),
    }


def test_a_release_that_went_out_with_warnings_is_told_until_one_has_none(workspace: Workspace) -> None:
    happen(workspace, "release.released", "product/vendas#4", {"reasons": [reason("guardrail.anomaly", "warn")]})
    read_events(workspace)
    assert [(one.severity, one.kind) for one in standing(workspace)] == [("warning", "anomaly")]
    happen(workspace, "release.released", "product/vendas#5", {"reasons": []})
    read_events(workspace)
    assert standing(workspace) == []


def test_a_held_release_that_is_only_superseded_stays_told(workspace: Workspace) -> None:
    happen(workspace, "release.held", "product/vendas#4", {"reasons": [reason("guardrail.volume", "hold")]})
    happen(workspace, "release.withdrawn", "product/vendas#4", {"superseded_by": 5})
    read_events(workspace)
    assert len(standing(workspace)) == 1
    happen(workspace, "release.withdrawn", "product/vendas#4", {})
    read_events(workspace)
    assert standing(workspace) == []


def failed(workspace: Workspace, attempt: int, code: str, **payload: bool) -> None:
    happen(
        workspace,
        "delivery.failed",
        "delivery/vendas#3/arquivos",
        {"error_code": code, "attempt": attempt, "connector": "sftp", **payload},
    )
    read_events(workspace)


def test_refused_credentials_of_a_delivery_are_told_at_once(workspace: Workspace) -> None:
    failed(workspace, 1, "delivery.host_key", is_credentials=True, is_connection=True)
    assert [(one.kind, one.subject) for one in standing(workspace)] == [("credentials", "delivery/vendas/arquivos")]
    happen(workspace, "delivery.delivered", "delivery/vendas#3/arquivos")
    read_events(workspace)
    assert standing(workspace) == []


def test_a_connection_is_told_from_the_second_attempt_and_other_failures_from_the_third(workspace: Workspace) -> None:
    failed(workspace, 1, "delivery.connection", is_connection=True)
    failed(workspace, 2, "delivery.refused")
    assert standing(workspace) == []
    failed(workspace, 2, "delivery.connection", is_connection=True)
    failed(workspace, 3, "delivery.refused")
    assert {(one.kind, one.severity) for one in standing(workspace)} == {
        ("connection", "warning"),
        ("delivery", "warning"),
    }


def test_a_dead_letter_is_an_alert_of_that_release_with_what_to_do(workspace: Workspace) -> None:
    failed(workspace, 8, "delivery.refused", is_final=True)
    (dead,) = standing(workspace)
    assert (dead.subject, dead.code, dead.severity) == ("delivery/vendas#3/arquivos", "delivery.dead", "error")
    assert "afluente product redeliver vendas 3" in dead.detail("pt")
    happen(workspace, "delivery.delivered", "delivery/vendas#4/arquivos")
    read_events(workspace)
    assert len(standing(workspace)) == 1
    happen(workspace, "delivery.cancelled", "delivery/vendas#3/arquivos")
    read_events(workspace)
    assert standing(workspace) == []


def test_an_event_is_dealt_with_once_however_often_it_is_read(tmp_path: Path, any_database: Database) -> None:
    workspace = watched(tmp_path, any_database)
    with any_database.write() as connection:
        for _ in range(BATCH + 3):
            events.append(
                connection,
                at=NOW,
                kind="step.failed",
                subject="source.pedidos",
                payload={"error_code": "source.unreachable"},
            )
    assert read_events(workspace).events == BATCH + 3
    assert read_events(workspace) == Read()
    assert standing(workspace)[0].times == BATCH + 3
    with workspace.state.write() as connection:
        assert cursors.position(connection, READER) > BATCH


def test_alerts_are_of_the_moment_the_event_happened(workspace: Workspace) -> None:
    happen(workspace, "step.failed", "source.pedidos", {"error_code": "source.unreachable"})
    clock_of(workspace).advance(seconds=3600)
    read_events(workspace)
    assert standing(workspace)[0].first_at == NOW
    assert clock_of(workspace).now() == NOW + timedelta(hours=1)


def test_what_hangs_on_what_comes_from_the_last_plan_and_the_sources(workspace: Workspace) -> None:
    steps = (Step("source.pedidos", "source"), Step("silver.pedidos", "conform", ("source.pedidos",)))
    begin_run(workspace, "r1", steps)
    with workspace.state.read() as connection:
        upstream = upstream_of(connection, workspace.project)
    assert upstream["bronze.pedidos"] == {"source.pedidos"}
    assert upstream["silver.pedidos"] == {"source.pedidos"}
