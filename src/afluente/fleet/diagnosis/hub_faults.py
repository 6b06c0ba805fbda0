"""Faults of ours as spans of time, from the facts of the whole hub.

Invariant: a stop that other evidence contradicts (an agent was heard in it), or that is too short to keep a list from
arriving, is no fault; of several faults the gravest stands first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from afluente.fleet.diagnosis.ours_rules import FAULTS
from afluente.fleet.diagnosis.view import HubFault, SeenFact

LEAST = timedelta(minutes=10)
"""Agents try again within this time."""
LASTS = timedelta(hours=1)
"""How long a fault that nobody ends is taken to last after its newest fact."""
ENDED_BY = {
    "hub.down": ("hub.started",),
    "hub.stopped": ("hub.started",),
    "hub.certificate": ("hub.started",),
    "hub.signing_key": ("hub.started",),
    "hub.central_down": ("hub.central_restored",),
    "hub.central_slow": ("hub.central_restored",),
}
ALIVE = "hub.alive"
_TELLS_ITS_LENGTH = "hub.down"


def faults_of(facts: Sequence[SeenFact], *, at: datetime, heard_at: Sequence[datetime]) -> tuple[HubFault, ...]:
    """The faults up to `at`, the gravest kind first. `heard_at` are moments in which an agent was heard."""
    ordered = sorted((fact for fact in facts if fact.at <= at), key=lambda fact: fact.at)
    found = [_fault(fact, ordered[number + 1 :], at=at) for number, fact in enumerate(ordered) if fact.code in FAULTS]
    alive = next((fact for fact in reversed(ordered) if fact.code == ALIVE), None)
    if alive is not None and at - alive.at >= LEAST:
        found.append(HubFault("hub.down", alive.at, None, alive.evidence))
    grave = list(FAULTS)
    kept = (fault for fault in found if _counts(fault, at=at, heard_at=heard_at))
    return tuple(sorted(kept, key=lambda fault: (grave.index(fault.code), fault.since)))


def _fault(fact: SeenFact, later: Sequence[SeenFact], *, at: datetime) -> HubFault:
    if fact.code == _TELLS_ITS_LENGTH:
        seconds = _seconds(fact.evidence.get("seconds", ""))
        if seconds is not None:
            return HubFault(fact.code, fact.at - timedelta(seconds=seconds), fact.at, fact.evidence)
    ending = ENDED_BY.get(fact.code, ())
    until = next((one.at for one in later if one.code in ending), None)
    if until is None and fact.code != "hub.stopped" and at - fact.at > LASTS:
        until = fact.at + LASTS
    return HubFault(fact.code, fact.at, until, fact.evidence)


def _counts(fault: HubFault, *, at: datetime, heard_at: Sequence[datetime]) -> bool:
    if fault.code != "hub.stopped":
        return True
    until = fault.until or at
    is_heard = any(fault.since + timedelta(minutes=1) < moment < until for moment in heard_at)
    return until - fault.since >= LEAST and not is_heard


def _seconds(text: str) -> int | None:
    try:
        seconds = int(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds <= 30 * 86_400 else None
