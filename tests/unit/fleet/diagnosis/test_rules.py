"""Rules as pure functions: no combination raises, and nothing of ours is put on a site."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.fleet.calendar import DayKind
from afluente.fleet.diagnosis.cause import Cause
from afluente.fleet.diagnosis.connectivity import RULES as CONNECTIVITY_RULES
from afluente.fleet.diagnosis.hub_faults import faults_of
from afluente.fleet.diagnosis.maintenance_causes import CAUSES
from afluente.fleet.diagnosis.ours_rules import FAULTS
from afluente.fleet.diagnosis.rules import RULES, SITUATIONS, judge
from afluente.fleet.diagnosis.verdict import plain
from afluente.fleet.diagnosis.view import (
    HubFault,
    Peers,
    RolloutStep,
    SeenFact,
    SeenTransmission,
    SiteView,
    UnitFreshness,
)
from afluente_agent.protocol.fact_codes import FACT_KINDS

ZONE = ZoneInfo("America/Sao_Paulo")
DAY = date(2026, 9, 16)
START = datetime(2026, 9, 12, tzinfo=UTC)
BLAMES = ("connectivity", "maintenance", "unit")
ASKS_THE_SITE = ("message_site", "call_site", "ask_network", "ask_unit")

moments = st.integers(0, 8 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))
texts = st.text(max_size=30)
evidence = st.dictionaries(
    st.sampled_from(["code", "reason", "list", "cnes", "newest", "host", "seconds", "before", "now", "version"]), texts
)
facts = st.builds(
    SeenFact,
    st.sampled_from(sorted(FACT_KINDS)) | texts,
    moments,
    evidence,
    st.none() | moments,
    st.sampled_from(["agent", "hub"]),
)
transmissions = st.builds(
    SeenTransmission,
    texts,
    st.sampled_from(["a", "b"]),
    st.sampled_from(["receiving", "landed", "loading", "loaded", "refused"]),
    moments,
    st.none() | moments,
    st.none() | moments,
    texts,
    st.integers(0, 10),
    st.integers(0, 10),
)
faults = st.builds(HubFault, st.sampled_from(sorted(FAULTS)), moments, st.none() | moments)
lists = st.frozensets(st.sampled_from(["a", "b"]))


def views(hub_faults: st.SearchStrategy[tuple[HubFault, ...]]) -> st.SearchStrategy[SiteView]:
    return st.builds(
        SiteView,
        site=st.just("s"),
        municipality=st.just("3509502"),
        uf=st.just("SP"),
        name=texts,
        status=st.sampled_from(["invited", "active"]),
        day=st.just(DAY),
        at=st.integers(0, 3 * 24 * 60).map(lambda m: datetime(2026, 9, 16, 3, tzinfo=UTC) + timedelta(minutes=m)),
        timezone=st.just(ZONE),
        day_kind=st.builds(
            DayKind,
            st.sampled_from(["workday", "weekend", "holiday", "optional", "bridge"]),
            texts,
            st.sampled_from(["", "national", "state", "municipal"]),
        ),
        usual_hours=st.frozensets(st.integers(0, 23)),
        is_learned=st.booleans(),
        enrolled_at=st.none() | moments,
        last_seen_at=st.none() | moments,
        is_suspended=st.booleans(),
        expected_lists=lists,
        sent_lists=lists,
        last_sent_at=st.none() | moments,
        transmissions=st.lists(transmissions, max_size=4).map(tuple),
        units=st.lists(
            st.builds(UnitFreshness, texts, st.dates(), st.integers(0, 90)),
            max_size=4,
        ).map(tuple),
        facts=st.lists(facts, max_size=8).map(lambda told: tuple(sorted(told, key=lambda fact: fact.at, reverse=True))),
        hub_faults=hub_faults,
        peers=st.builds(Peers, *(st.integers(0, 50),) * 4),
        rollout=st.none() | st.builds(RolloutStep, texts, st.sampled_from(["offered", "running", "healthy"]), moments),
    )


@settings(max_examples=120, deadline=None)
@given(views(st.lists(faults, max_size=3).map(tuple)))
def test_every_view_is_judged_without_raising(view: SiteView) -> None:
    verdict = judge(view)
    if verdict is not None:
        assert verdict.code in SITUATIONS
        assert verdict.family == verdict.code.partition(".")[0]
        assert 0.05 <= verdict.confidence <= 0.98
        assert all(len(value) <= 80 for value in verdict.evidence.values())
        assert "\n" not in verdict.message_pt
        assert judge(view) == verdict
    for rule in RULES:
        rule.judge(view)


@settings(max_examples=120, deadline=None)
@given(views(st.just(())), st.sampled_from(sorted(FAULTS)), st.integers(0, 600))
def test_a_fault_of_ours_within_the_window_never_blames_the_site(view: SiteView, code: str, minutes: int) -> None:
    fault = HubFault(code, view.moment - timedelta(minutes=minutes), None)
    view = replace(view, hub_faults=(fault,), sent_lists=frozenset())
    verdict = judge(view)
    assert verdict is not None
    assert verdict.family not in BLAMES
    assert verdict.action not in ASKS_THE_SITE


@settings(max_examples=60, deadline=None)
@given(st.lists(facts, max_size=10), moments, st.lists(moments, max_size=3))
def test_any_facts_of_the_hub_make_faults_in_order(told: list[SeenFact], at: datetime, heard: list[datetime]) -> None:
    found = faults_of(told, at=at, heard_at=heard)
    grave = list(FAULTS)
    assert [grave.index(fault.code) for fault in found] == sorted(grave.index(fault.code) for fault in found)
    assert all(fault.until is None or fault.until >= fault.since for fault in found)


def test_a_network_failure_inside_a_fault_of_ours_is_not_the_networks() -> None:
    fault = HubFault("hub.down", datetime(2026, 9, 16, 11, tzinfo=UTC), datetime(2026, 9, 16, 12, tzinfo=UTC))
    told = tuple(
        SeenFact(code, datetime(2026, 9, 16, 11, 30, tzinfo=UTC))
        for code in ("net.refused", "net.timeout", "net.dns", "net.proxy", "net.unreachable", "net.slow")
    )
    view = SiteView(
        "s", "1", "SP", "S", "active", DAY, datetime(2026, 9, 16, 18, tzinfo=UTC), ZONE, enrolled_at=START, facts=told
    )
    assert judge(view).family == "connectivity"
    assert all(rule.judge(replace(view, hub_faults=(fault,))) is None for rule in CONNECTIVITY_RULES)


def test_rules_name_situations_and_facts_that_exist() -> None:
    causes = [cause for rule in RULES if (cause := _cause(rule)) is not None]
    assert len(causes) > len(CAUSES)
    for cause in causes:
        assert cause.situation in SITUATIONS
        assert set(cause.facts) | set(cause.undone_by) <= set(FACT_KINDS)
    assert {FACT_KINDS[code].left_by for code in FAULTS} == {"hub"}


def test_no_two_rules_share_a_place() -> None:
    places = [rule.priority for rule in RULES]
    assert len(set(places)) == len(places)


def _cause(rule: object) -> Cause | None:
    arguments = getattr(rule.judge, "args", ())
    return arguments[0] if arguments else None


@pytest.mark.parametrize(
    ("told", "kept"),
    [("a\nb", "a b"), ("https://evil.example/x", "evil.example/x"), ("<b>*x*</b>", "b  x  /b"), ("á" * 200, "á" * 80)],
)
def test_what_an_agent_tells_is_kept_as_plain_short_text(told: str, kept: str) -> None:
    assert plain(told) == kept


def test_the_documentation_has_a_row_for_every_situation_and_for_no_other() -> None:
    text = (Path(__file__).parents[4] / "docs" / "fleet-diagnosis.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| ([^|]+) \|", text, flags=re.MULTILINE))
    assert rows == {code: situation.title.pt for code, situation in SITUATIONS.items()}
