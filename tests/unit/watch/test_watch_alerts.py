"""Alerts: opened once, counted, graver by repetition, acknowledged, resolved, opened again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from afluente.core.errors import UsageError
from afluente.state import events
from afluente.state.database import Database
from afluente.watch import alerts, silences
from afluente.watch.alert import Alert
from afluente.watch.inhibition import above, inhibited

NOW = datetime(2026, 5, 18, 12, tzinfo=UTC)
FAILED = Alert("extraction", "error", "source.pedidos", "source.file_missing", "não lida", "not read", owner="ana")


def test_the_same_trouble_is_one_alert_that_counts(any_database: Database) -> None:
    with any_database.write() as connection:
        alerts.fire(connection, FAILED, at=NOW)
        again = alerts.fire(connection, replace(FAILED, detail_en="more"), at=NOW + timedelta(hours=1))
        assert len(alerts.listing(connection)) == 1
    assert (again.times, again.status, again.first_at, again.last_at) == (2, "open", NOW, NOW + timedelta(hours=1))
    assert again.detail("en") == "more"
    assert again.group_key == "ana/extraction"


def test_another_subject_kind_or_code_is_another_alert() -> None:
    others = [replace(FAILED, subject="x"), replace(FAILED, kind="connection"), replace(FAILED, code="y")]
    assert len({FAILED.fingerprint, *(other.fingerprint for other in others)}) == 4
    assert replace(FAILED, severity="info", owner="x", title_en="z").fingerprint == FAILED.fingerprint


def test_the_third_time_is_one_step_graver_and_due_at_once(database: Database) -> None:
    with database.write() as connection:
        alerts.fire(connection, FAILED, at=NOW)
        alerts.mark_told(connection, [FAILED.fingerprint], at=NOW)
        second = alerts.fire(connection, FAILED, at=NOW)
        third = alerts.fire(connection, FAILED, at=NOW)
        milder = alerts.fire(connection, replace(FAILED, severity="warning"), at=NOW)
    assert (second.severity, second.notified_at) == ("error", NOW)
    assert (third.severity, third.notified_at) == ("critical", alerts.TOLD_AND_DUE_AGAIN)
    assert milder.severity == "critical"


def test_information_never_grows_graver(database: Database) -> None:
    told = replace(FAILED, severity="info")
    with database.write() as connection:
        fired = [alerts.fire(connection, told, at=NOW) for _ in range(9)]
    assert fired[-1].severity == "info"


def test_a_resolved_alert_that_comes_back_begins_anew(any_database: Database) -> None:
    with any_database.write() as connection:
        alerts.fire(connection, FAILED, at=NOW)
        alerts.fire(connection, FAILED, at=NOW)
        alerts.mark_told(connection, [FAILED.fingerprint], at=NOW)
        ended = alerts.resolve(connection, FAILED.fingerprint, at=NOW)
        assert ended is not None
        assert alerts.resolve(connection, FAILED.fingerprint, at=NOW) is None
        assert [one.fingerprint for one in alerts.untold_ends(connection)] == [FAILED.fingerprint]
        alerts.mark_ends_told(connection, [FAILED.fingerprint])
        assert alerts.untold_ends(connection) == []
        back = alerts.fire(connection, FAILED, at=NOW + timedelta(days=1))
    assert (ended.status, back.status, back.times) == ("resolved", "open", 1)
    assert back.notified_at is None
    assert back.resolved_at is None
    assert back.first_at == NOW + timedelta(days=1)


def test_the_end_of_what_nobody_heard_of_is_not_told(database: Database) -> None:
    with database.write() as connection:
        alerts.fire(connection, FAILED, at=NOW)
        alerts.resolve(connection, FAILED.fingerprint, at=NOW)
        assert alerts.untold_ends(connection) == []


def test_an_acknowledged_alert_stays_so_until_it_is_graver(database: Database) -> None:
    with database.write() as connection:
        alerts.fire(connection, FAILED, at=NOW)
        alerts.acknowledge(connection, FAILED.fingerprint, by_whom="ana", reason="vendo", at=NOW)
        second = alerts.fire(connection, FAILED, at=NOW)
        third = alerts.fire(connection, FAILED, at=NOW)
        told = [event for event in events.after(connection, 0) if event.kind == "alert.acknowledged"]
    assert (second.status, third.status) == ("acknowledged", "open")
    assert told[0].payload["by"] == "ana"
    assert told[0].payload["reason"] == "vendo"


def test_what_does_not_stand_cannot_be_acknowledged(database: Database) -> None:
    with database.write() as connection:
        assert alerts.acknowledge(connection, "0" * 32, by_whom="a", reason="b", at=NOW) is None


def test_resolving_a_subject_leaves_other_kinds_and_named_ones(any_database: Database) -> None:
    other, kept = replace(FAILED, kind="anomaly"), replace(FAILED, code="kept")
    with any_database.write() as connection:
        for alert in (FAILED, other, kept):
            alerts.fire(connection, alert, at=NOW)
        ended = alerts.resolve_subject(
            connection, "source.pedidos", kinds=("extraction",), at=NOW, but=[kept.fingerprint]
        )
        left = {one.fingerprint for one in alerts.listing(connection)}
    assert [one.fingerprint for one in ended] == [FAILED.fingerprint]
    assert left == {other.fingerprint, kept.fingerprint}


def test_the_gravest_is_listed_first_and_found_by_its_beginning(any_database: Database) -> None:
    with any_database.write() as connection:
        alerts.fire(connection, replace(FAILED, severity="warning", code="a"), at=NOW + timedelta(hours=1))
        alerts.fire(connection, FAILED, at=NOW)
        listed = alerts.listing(connection)
        assert [one.severity for one in listed] == ["error", "warning"]
        assert alerts.find_by_prefix(connection, FAILED.fingerprint[:8]) == listed[0]
        for prefix in (FAILED.fingerprint[:5], "%%%%%%%%", "ffffffffff"):
            with pytest.raises(UsageError):
                alerts.find_by_prefix(connection, prefix)


def test_a_silence_covers_what_matches_until_its_end(any_database: Database) -> None:
    with any_database.write() as connection:
        stored = alerts.fire(connection, FAILED, at=NOW)
        made = silences.silence(
            connection,
            silences.parse_matches(["source.*", "kind=extraction"]),
            hours=2,
            by_whom="ana",
            reason="manutenção",
            at=NOW,
        )
        assert silences.active(connection, at=NOW) == [made]
        assert silences.active(connection, at=NOW + timedelta(hours=2)) == []
    assert silences.is_silenced(stored, [made], at=NOW + timedelta(minutes=119))
    assert not silences.is_silenced(stored, [made], at=NOW + timedelta(hours=2))
    assert not silences.is_silenced(replace(stored, kind="delivery"), [made], at=NOW)
    assert not silences.is_silenced(replace(stored, subject="gold.x"), [made], at=NOW)


def test_a_silence_can_be_ended_once(any_database: Database) -> None:
    with any_database.write() as connection:
        made = silences.silence(connection, {"severity": "warning"}, hours=2, by_whom="a", reason="b", at=NOW)
        later = NOW + timedelta(hours=1)
        assert silences.end_silence(connection, made.id, at=later)
        assert not silences.end_silence(connection, made.id, at=later)
        assert silences.active(connection, at=later) == []


@pytest.mark.parametrize(
    ("matches", "hours", "reason"),
    [({}, 1, "x"), ({"kind": "*"}, 0, "x"), ({"kind": "*"}, 1e9, "x"), ({"kind": "*"}, 1, " ")],
)
def test_a_silence_needs_a_match_an_end_and_a_reason(
    database: Database, matches: dict[str, str], hours: float, reason: str
) -> None:
    with pytest.raises(UsageError), database.write() as connection:
        silences.silence(connection, matches, hours=hours, by_whom="a", reason=reason, at=NOW)


@pytest.mark.parametrize("text", ["subjekt=x", "kind="])
def test_a_match_of_no_field_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        silences.parse_matches([text])
    assert raised.value.code == "watch.silence_field"


def test_a_cause_silences_what_hangs_on_it_and_nothing_else(database: Database) -> None:
    upstream = {
        "bronze.pedidos": {"source.pedidos"},
        "silver.pedidos": {"bronze.pedidos"},
        "gold.vendas": {"silver.pedidos", "silver.clientes"},
        "product/vendas": {"gold.vendas"},
    }
    cause = replace(FAILED, kind="connection", code="source.unreachable")
    stale = replace(FAILED, kind="anomaly", subject="product/vendas", code="release.held")
    broken = replace(FAILED, kind="inconsistency", subject="gold.vendas", code="quality.x")
    other = replace(FAILED, kind="anomaly", subject="silver.clientes", code="a")
    undelivered = replace(FAILED, kind="delivery", subject="delivery/vendas#1/sftp", code="delivery.dead")
    with database.write() as connection:
        for alert in (cause, stale, broken, other, undelivered, FAILED):
            alerts.fire(connection, alert, at=NOW)
        silent = inhibited(alerts.listing(connection), upstream)
        assert set(silent) == {stale.fingerprint, broken.fingerprint, FAILED.fingerprint}
        assert {one.fingerprint for one in silent.values()} == {cause.fingerprint}
        alerts.resolve(connection, cause.fingerprint, at=NOW)
        alerts.resolve(connection, FAILED.fingerprint, at=NOW)
        assert inhibited(alerts.listing(connection), upstream) == {}


def test_a_dead_way_silences_the_deliveries_that_were_given_up_on_it(database: Database) -> None:
    way = replace(FAILED, kind="credentials", subject="delivery/vendas/sftp", code="delivery.credentials")
    dead = replace(FAILED, kind="delivery", subject="delivery/vendas#7/sftp", code="delivery.dead")
    elsewhere = replace(FAILED, kind="delivery", subject="delivery/vendas#7/api", code="delivery.dead")
    with database.write() as connection:
        for alert in (way, dead, elsewhere):
            alerts.fire(connection, alert, at=NOW)
        assert set(inhibited(alerts.listing(connection), {})) == {dead.fingerprint}


def test_a_circle_of_causes_ends() -> None:
    assert above("a", {"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["b", "c"]
