"""Faults of ours as spans of time, from the facts of the whole hub.

Invariant: a pulse that stopped is no fault where an agent was heard since, or where it is too short to keep a list from
arriving; of several faults the gravest stands first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from afluente.fleet.diagnosis.ours_rules import FAULTS
from afluente.fleet.diagnosis.view import HubFault, SeenFact
from afluente_agent.protocol import fact_codes

LEAST = timedelta(minutes=10)
"""Agents try again within this time."""
LASTS = timedelta(hours=1)
"""How long a fault that nobody ends is taken to last after its newest fact."""
ENDED_BY = {
    fact_codes.HUB_CENTRAL_DOWN: (fact_codes.HUB_CENTRAL_RESTORED,),
    fact_codes.HUB_CENTRAL_SLOW: (fact_codes.HUB_CENTRAL_RESTORED,),
}


def faults_of(facts: Sequence[SeenFact], *, at: datetime, heard_at: Sequence[datetime]) -> tuple[HubFault, ...]:
    """The faults up to `at`, the gravest kind first. `heard_at` are moments in which an agent was heard."""
    ordered = sorted((fact for fact in facts if fact.at <= at), key=lambda fact: fact.at)
    found = [_fault(fact, ordered[number + 1 :], at=at) for number, fact in enumerate(ordered) if fact.code in FAULTS]
    alive = next((fact for fact in reversed(ordered) if fact.code == fact_codes.HUB_ALIVE), None)
    if alive is not None and at - alive.at >= LEAST and not any(alive.at + LEAST < moment < at for moment in heard_at):
        found.append(HubFault(fact_codes.HUB_DOWN, alive.at, None, alive.evidence))
    return gravest_first(found)


def gravest_first(faults: Iterable[HubFault]) -> tuple[HubFault, ...]:
    grave = list(FAULTS)
    return tuple(sorted(faults, key=lambda fault: (grave.index(fault.code), fault.since)))


def _fault(fact: SeenFact, later: Sequence[SeenFact], *, at: datetime) -> HubFault:
    if fact.code == fact_codes.HUB_DOWN:
        seconds = _seconds(fact.evidence.get("seconds", ""))
        if seconds is not None:
            return HubFault(fact.code, fact.at - timedelta(seconds=seconds), fact.at, fact.evidence)
    ending = ENDED_BY.get(fact.code, ())
    until = next((one.at for one in later if one.code in ending), None)
    if until is None and at - fact.at > LASTS:
        until = fact.at + LASTS
    return HubFault(fact.code, fact.at, until, fact.evidence)


def _seconds(text: str) -> int | None:
    try:
        seconds = int(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds <= 30 * 86_400 else None
