"""Guardrails: each kind passes, warns and holds, in both languages, over what was observed before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from afluente.core.errors import UsageError
from afluente.state.database import Database
from afluente.state.quality_outcomes import QualityOutcome
from afluente.watch import incidents, observations
from afluente.watch.checks import Anomaly, ContractCheck, Freshness, SchemaCheck, Volume
from afluente.watch.guardrails import evaluate, is_held
from afluente.watch.observations import Observation, Point

NOW = datetime(2026, 5, 18, 12, tzinfo=UTC)
SUBJECT = "product/vendas"


def observe(database: Database, values: list[float], *, metric: str = "receita", end: datetime = NOW) -> None:
    days = [
        Observation(SUBJECT, metric, (end - timedelta(days=len(values) - i)).replace(hour=0), value, "seed")
        for i, value in enumerate(values)
    ]
    with database.write() as connection:
        observations.record(connection, days)


def today(value: float) -> Point:
    return Point(NOW.replace(hour=0), value)


def steady(days: int) -> list[float]:
    return [1000.0 + 10 * (i % 5) for i in range(days)]


def test_old_data_holds_and_fresh_data_passes(database: Database) -> None:
    checks = [
        Freshness("frescor", SUBJECT, "hold", NOW - timedelta(hours=hours), max_age_hours=36) for hours in (35, 37)
    ]
    fresh, old = evaluate(checks, database=database, at=NOW)
    assert (fresh.status, old.status) == ("passed", "held")
    assert old.message("pt") == "o dado mais novo de product/vendas tem 37 h; o limite é 36 h"
    assert old.message("en") == "the newest data of product/vendas is 37 h old; the limit is 36 h"


def test_no_data_at_all_is_a_breach(database: Database) -> None:
    (outcome,) = evaluate([Freshness("f", SUBJECT, "warn", None, max_age_hours=1)], database=database, at=NOW)
    assert outcome.status == "warned"


def test_volume_is_held_against_the_last_comparable(database: Database) -> None:
    observe(database, [100.0, 100.0, 50.0], metric="linhas")
    half = Volume("v", SUBJECT, "hold", "linhas", NOW, 49, max_change_percent=60)
    tenth = Volume("v", SUBJECT, "hold", "linhas", NOW, 9, max_change_percent=60)
    as_two_days_ago = Volume("v", SUBJECT, "hold", "linhas", NOW, 39, max_change_percent=60, comparable_days=2)
    outcomes = evaluate([half, tenth, as_two_days_ago], database=database, at=NOW, is_recorded=False)
    assert [outcome.status for outcome in outcomes] == ["passed", "held", "held"]
    assert "-82%" in outcomes[1].message("en")
    assert outcomes[1].measured["before"] == 50


def test_volume_without_anything_to_compare_passes_and_says_so(database: Database) -> None:
    (outcome,) = evaluate(
        [Volume("v", SUBJECT, "hold", "linhas", NOW, 9, max_change_percent=60)], database=database, at=NOW
    )
    assert outcome.status == "untrained"
    assert not outcome.is_breach


def test_volume_from_nothing_and_outside_its_limits(database: Database) -> None:
    observe(database, [0.0], metric="linhas")
    checks = [
        Volume("v", SUBJECT, "warn", "linhas", NOW, 10, max_change_percent=60),
        Volume("v", SUBJECT, "warn", "linhas", NOW, 0, minimum=1),
        Volume("v", SUBJECT, "warn", "linhas", NOW, 10, maximum=9),
        Volume("v", SUBJECT, "warn", "linhas", NOW, 0, max_change_percent=60),
    ]
    outcomes = evaluate(checks, database=database, at=NOW, is_recorded=False)
    assert [outcome.status for outcome in outcomes] == ["warned", "warned", "warned", "passed"]
    assert "do nada" in outcomes[0].message("pt")


def test_volume_without_a_percent_is_held_against_the_baseline(database: Database) -> None:
    observe(database, steady(40), metric="linhas")
    fine, low = evaluate(
        [Volume("v", SUBJECT, "hold", "linhas", NOW, value) for value in (1010, 300)], database=database, at=NOW
    )
    assert (fine.status, low.status) == ("passed", "held")


def test_columns_that_changed_are_named(database: Database) -> None:
    before = (("dia", "date"), ("uf", "string"), ("valor", "double"))
    now = (("dia", "date"), ("valor", "string"), ("cidade", "string"))
    same, changed = evaluate(
        [SchemaCheck("s", SUBJECT, "hold", found, before) for found in (before, now)], database=database, at=NOW
    )
    assert (same.status, changed.status) == ("passed", "held")
    assert changed.message("en").endswith("gone: uf; new: cidade; valor was double and is string")
    assert changed.message("pt").endswith("saíram uf; entraram cidade; valor era double e é string")


def test_new_columns_may_be_allowed_and_a_changed_order_is_not(database: Database) -> None:
    before = (("a", "int"), ("b", "int"))
    wider, reordered = evaluate(
        [
            SchemaCheck("s", SUBJECT, "hold", found, before, allows_new_columns=True)
            for found in ((*before, ("c", "int")), (("b", "int"), ("a", "int")))
        ],
        database=database,
        at=NOW,
    )
    assert (wider.status, reordered.status) == ("passed", "held")


def test_broken_rules_hold_when_they_are_errors_and_warn_otherwise(database: Database) -> None:
    def rule(name: str, severity: str, status: str) -> QualityOutcome:
        return QualityOutcome("release.vendas", name, severity, status, column="uf")  # type: ignore[arg-type]

    sets = [
        (rule("a", "error", "passed"),),
        (rule("a", "error", "failed"), rule("b", "warning", "passed")),
        (rule("b", "warning", "failed"),),
        (rule("a", "error", "error"),),
    ]
    outcomes = evaluate([ContractCheck("c", SUBJECT, "hold", one) for one in sets], database=database, at=NOW)
    assert [outcome.status for outcome in outcomes] == ["passed", "held", "warned", "held"]
    assert outcomes[1].message("en") == "product/vendas breaks its contract: a (uf)"


def test_an_anomaly_is_told_with_what_was_expected(database: Database) -> None:
    observe(database, steady(60))
    fine, off = evaluate(
        [Anomaly("a", SUBJECT, "hold", "receita", (today(value),)) for value in (1020, 90)],
        database=database,
        at=NOW,
        is_recorded=False,
    )
    assert (fine.status, off.status) == ("passed", "held")
    assert off.message("pt").startswith("product/vendas: receita de 18/05/2026 foi 90, e ")
    assert off.message("en").startswith("product/vendas: receita of 2026-05-18 was 90, where ")
    assert is_held([fine, off])
    assert not is_held([fine])


def test_an_anomaly_is_silent_until_it_is_trained(database: Database) -> None:
    observe(database, steady(13))
    (outcome,) = evaluate([Anomaly("a", SUBJECT, "hold", "receita", (today(1),))], database=database, at=NOW)
    assert outcome.status == "untrained"
    assert "13" in outcome.message("en")


def test_history_that_the_caller_knows_trains_at_once(database: Database) -> None:
    known = tuple(Point(NOW - timedelta(days=40 - i), value) for i, value in enumerate(steady(40)))
    (outcome,) = evaluate(
        [Anomaly("a", SUBJECT, "hold", "receita", (today(1),), history=known)], database=database, at=NOW
    )
    assert outcome.status == "held"


def test_several_new_days_are_judged_each_and_the_worst_is_told_first(database: Database) -> None:
    observe(database, steady(60), end=NOW - timedelta(days=3))
    points = tuple(Point(NOW.replace(hour=0) - timedelta(days=i), value) for i, value in ((2, 1000), (1, 500), (0, 10)))
    (outcome,) = evaluate([Anomaly("a", SUBJECT, "warn", "receita", points)], database=database, at=NOW)
    assert outcome.status == "warned"
    assert outcome.message("en").index("2026-05-18") < outcome.message("en").index("2026-05-17")
    assert "2026-05-16" not in outcome.message("en")


def test_what_was_judged_is_observed_and_never_its_own_baseline(any_database: Database) -> None:
    observe(any_database, steady(60))
    check = Anomaly("a", SUBJECT, "warn", "receita", (today(90),))
    first = evaluate([check], database=any_database, at=NOW, origin="release 1")
    second = evaluate([check], database=any_database, at=NOW, origin="release 1")
    assert first == second
    with any_database.read() as connection:
        told = observations.history(connection, SUBJECT, "receita")
    assert told[-1] == today(90)
    assert len(told) == 61


def test_an_evaluation_that_is_not_recorded_writes_nothing(database: Database) -> None:
    evaluate([Anomaly("a", SUBJECT, "warn", "receita", (today(90),))], database=database, at=NOW, is_recorded=False)
    with database.read() as connection:
        assert observations.metrics(connection) == []


def test_an_acknowledged_incident_does_not_poison_the_baseline(any_database: Database) -> None:
    week_of_nothing = [0.0] * 28
    observe(any_database, [*steady(30), *week_of_nothing])
    check = Anomaly("a", SUBJECT, "hold", "receita", (today(1000),))
    (poisoned,) = evaluate([check], database=any_database, at=NOW, is_recorded=False)
    assert poisoned.status == "held"
    with any_database.write() as connection:
        incidents.acknowledge(
            connection,
            subject=SUBJECT,
            starts_at=NOW - timedelta(days=29),
            ends_at=NOW - timedelta(hours=13),
            by_whom="ana",
            reason="a fonte parou",
            at=NOW,
        )
    ordinary, nothing = evaluate(
        [check, Anomaly("a", SUBJECT, "hold", "receita", (today(0),))],
        database=any_database,
        at=NOW,
        is_recorded=False,
    )
    assert ordinary.status == "passed"
    assert nothing.status == "held"


def test_an_incident_of_one_metric_leaves_the_others(any_database: Database) -> None:
    with any_database.write() as connection:
        incidents.acknowledge(
            connection,
            subject=SUBJECT,
            metric="receita",
            starts_at=NOW,
            ends_at=NOW + timedelta(days=1),
            by_whom="ana",
            reason="campanha",
            at=NOW,
        )
        assert incidents.of_subject(connection, SUBJECT, "unidades") == []
        assert len(incidents.of_subject(connection, SUBJECT, "receita")) == 1
        assert len(incidents.listing(connection)) == 1


@pytest.mark.parametrize(("hours", "reason"), [(0, "x"), (1, " ")])
def test_an_incident_needs_a_span_and_a_reason(database: Database, hours: int, reason: str) -> None:
    with pytest.raises(UsageError), database.write() as connection:
        incidents.acknowledge(
            connection,
            subject=SUBJECT,
            starts_at=NOW,
            ends_at=NOW + timedelta(hours=hours),
            by_whom="ana",
            reason=reason,
            at=NOW,
        )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_figure_that_is_no_number_is_a_breach_and_is_not_kept(database: Database, value: float) -> None:
    observe(database, steady(40))
    checks = [
        Anomaly("a", SUBJECT, "hold", "receita", (today(value),)),
        Volume("v", SUBJECT, "hold", "receita", today(0).at, value, max_change_percent=50),
        Volume("v", SUBJECT, "hold", "receita", today(0).at, value),
    ]
    outcomes = evaluate(checks, database=database, at=NOW)
    assert [outcome.status for outcome in outcomes] == ["held", "held", "held"]
    assert all(outcome.message("pt") and outcome.message("en") for outcome in outcomes)
    with database.read() as connection:
        assert len(observations.history(connection, SUBJECT, "receita")) == 40
