"""Causes: situations that a fact shows. A cause is data; here is how one is judged.

Invariant: a network failure that lies inside a fault of ours says nothing about the site; a fact that a list sent since,
or a later fact, has undone says nothing about today.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from afluente.fleet.diagnosis.verdict import Finding, Rule
from afluente.fleet.diagnosis.view import FAULT_EDGE, SeenFact, SiteView

STALE_AFTER = timedelta(hours=36)
"""A fact older than the view's moment by more says little of it."""
FRESH_WITHIN = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Cause:
    """Facts that show a situation. `where` are evidence values that a fact has to have; `evidence` what is kept."""

    situation: str
    facts: tuple[str, ...]
    priority: int
    confidence: float
    evidence: tuple[str, ...] = ()
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    undone_by: tuple[str, ...] = ()
    is_network: bool = False
    is_failure: bool = True
    """It keeps lists from being sent; otherwise it is told of although they were."""
    least: int = 1
    """How many facts it takes."""
    hours: timedelta = field(default=STALE_AFTER)


def rule_of(cause: Cause) -> Rule:
    return Rule(cause.situation, cause.priority, partial(_judge, cause))


def _judge(cause: Cause, view: SiteView) -> Finding | None:
    if cause.is_failure and view.is_sent:
        return None
    if cause.is_failure:
        found = view.unsolved(cause.facts, undone_by=cause.undone_by, is_of_line=cause.is_network)
    else:
        found = view.told(cause.facts)
    found = tuple(fact for fact in found if _counts(cause, fact, view))
    if len(found) < cause.least:
        return None
    newest = found[0]
    return Finding(cause.situation, _confidence(cause, found, view), _evidence(cause, found, newest, view))


def _counts(cause: Cause, fact: SeenFact, view: SiteView) -> bool:
    if fact.at > view.at or (fact.at < view.begins_at and _last_word(view) - fact.at > cause.hours):
        return False
    if fact.at < view.begins_at and not view.day_kind.is_work:
        return False
    if cause.is_network and any(fault.covers(fact.at, after=FAULT_EDGE) for fault in view.hub_faults):
        return False
    return all(fact.evidence.get(key, "") in values for key, values in cause.where)


def _last_word(view: SiteView) -> datetime:
    """A silent site's last facts are old, and still its last word."""
    seen = view.last_seen_at
    return seen if seen is not None and seen < view.begins_at else view.moment


def _confidence(cause: Cause, found: tuple[SeenFact, ...], view: SiteView) -> float:
    """More when it was seen again; less when it is old, or when the site has gone silent since."""
    confidence = cause.confidence + 0.03 * (min(len(found), 4) - 1)
    if abs(view.moment - found[0].at) > FRESH_WITHIN:
        confidence -= 0.1
    if view.is_today and not view.is_alive and not cause.is_network:
        confidence -= 0.05
    return confidence


def _evidence(cause: Cause, found: tuple[SeenFact, ...], newest: SeenFact, view: SiteView) -> dict[str, str]:
    evidence = {key: newest.evidence[key] for key in cause.evidence if newest.evidence.get(key)}
    evidence["fact"] = newest.code
    evidence["times"] = str(len(found))
    evidence["seen_at"] = newest.at.astimezone(view.timezone).strftime("%d/%m/%Y %H:%M")
    return evidence
