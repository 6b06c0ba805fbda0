"""What nearly all sites tell of our name or certificate is ours; what some tell is theirs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from afluente.fleet.diagnosis.shared_faults import LASTS, shared_faults
from afluente.fleet.diagnosis.view import SeenFact

EIGHT = datetime(2026, 9, 16, 11, tzinfo=UTC)
MIDNIGHT = datetime(2026, 9, 16, tzinfo=UTC)


def told(sites: int, *, code: str = "net.dns", minutes: int = 5) -> dict[str, list[SeenFact]]:
    """A site tells every five minutes, one after the other."""
    return {f"s{number}": [SeenFact(code, EIGHT + timedelta(minutes=minutes * number))] for number in range(sites)}


def faults(facts: dict[str, list[SeenFact]], *, sites: int, at: datetime = EIGHT + timedelta(hours=1)) -> list[str]:
    return [one.code for one in shared_faults(facts, sites=sites, since=MIDNIGHT, at=at)]


@pytest.mark.parametrize("code", ["net.dns", "net.tls_expired", "net.tls_name", "net.tls_intercepted"])
def test_nearly_all_make_it_ours(code: str) -> None:
    assert faults(told(6, code=code), sites=10) == ["hub.certificate"]
    assert faults(told(5, code=code), sites=10) == []


def test_few_sites_are_never_nearly_all() -> None:
    assert faults(told(4), sites=4) == []
    assert faults({}, sites=0) == []


@pytest.mark.parametrize("code", ["net.refused", "net.timeout", "net.proxy", "disk.full"])
def test_what_says_nothing_of_our_name_does_not_count(code: str) -> None:
    assert faults(told(10, code=code), sites=10) == []


def test_facts_of_another_day_or_of_the_hub_itself_do_not_count() -> None:
    facts = told(5)
    facts["*"] = facts.pop("s4")
    assert faults(facts, sites=5) == []
    assert faults(told(5), sites=5, at=EIGHT + timedelta(minutes=19)) == []
    early = {site: [SeenFact("net.dns", MIDNIGHT - timedelta(minutes=1))] for site in told(6)}
    assert faults(early, sites=6) == []


def test_it_begins_with_the_first_and_lasts_while_agents_may_still_wait() -> None:
    newest = EIGHT + timedelta(minutes=25)
    [lasting] = shared_faults(told(6), sites=6, since=MIDNIGHT, at=newest + LASTS)
    [ended] = shared_faults(told(6), sites=6, since=MIDNIGHT, at=newest + LASTS + timedelta(minutes=1))
    assert (lasting.since, lasting.until) == (EIGHT, None)
    assert (ended.since, ended.until) == (EIGHT, newest)
    assert lasting.evidence == {"sites": "6/6"}
