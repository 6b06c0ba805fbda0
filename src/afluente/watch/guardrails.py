"""The checks before data goes out, evaluated on facts handed in and on what was observed before.

Invariant: what is observed now is written down after it was judged, so it is never its own baseline; the same
evaluation repeated at the same moment leaves the same observations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

import sqlalchemy as sa

from afluente.state.database import Database
from afluente.state.quality_outcomes import QualityOutcome
from afluente.watch import incidents, observations
from afluente.watch.anomaly import check_anomaly
from afluente.watch.checks import Anomaly, Check, ContractCheck, Freshness, Outcome, SchemaCheck, Volume, breach
from afluente.watch.freshness import check_freshness
from afluente.watch.observations import Observation, Point
from afluente.watch.schema_change import check_schema
from afluente.watch.volume import check_volume


def evaluate(
    checks: Sequence[Check], *, database: Database, at: datetime, origin: str = "", is_recorded: bool = True
) -> list[Outcome]:
    """Judge every check, in order. `origin` is the run or release that asks; without `is_recorded` nothing is written."""
    with database.read() as connection:
        known = [_known(connection, check) for check in checks]
    outcomes = [_judge(check, past, at=at) for check, past in zip(checks, known, strict=True)]
    if is_recorded:
        told = (one for check in checks for one in _observed(check, at=at, origin=origin))
        observed = [one for one in told if math.isfinite(one.value)]
        if observed:
            with database.write() as connection:
                observations.record(connection, observed)
    return outcomes


def is_held(outcomes: Sequence[Outcome]) -> bool:
    return any(outcome.status == "held" for outcome in outcomes)


def _known(connection: sa.Connection, check: Check) -> list[Point]:
    """What is known before the first figure that is judged, without acknowledged incidents, in the order of time."""
    if not isinstance(check, Volume | Anomaly):
        return []
    first = check.at if isinstance(check, Volume) else min((point.at for point in check.points), default=None)
    if first is None:
        return []
    points = {point.at: point for point in check.history if point.at < first}
    observed = observations.history(connection, check.subject, check.metric, before=first)
    points |= {point.at: point for point in observed}
    excused = incidents.of_subject(connection, check.subject, check.metric)
    counted = (points[at] for at in sorted(points) if not incidents.is_in_any(excused, at))
    return [point for point in counted if math.isfinite(point.value)]


def _judge(check: Check, known: Sequence[Point], *, at: datetime) -> Outcome:
    match check:
        case Freshness():
            return check_freshness(check, at=at)
        case Volume():
            return check_volume(check, known)
        case SchemaCheck():
            return check_schema(check)
        case ContractCheck():
            return _check_contract(check)
        case Anomaly():
            return check_anomaly(check, known)
        case _:
            assert_never(check)


def _check_contract(check: ContractCheck) -> Outcome:
    broken = [outcome for outcome in check.outcomes if outcome.status != "passed"]
    serious = [outcome for outcome in broken if outcome.severity == "error"]
    if not broken:
        pt, en = f"{check.subject} cumpre o contrato", f"{check.subject} keeps its contract"
    else:
        named = ", ".join(_rule(outcome) for outcome in broken)
        pt = f"{check.subject} não cumpre o contrato: {named}"
        en = f"{check.subject} breaks its contract: {named}"
    return Outcome(
        check.name,
        "contract",
        check.subject,
        "rules",
        breach(check.on_breach) if serious else "warned" if broken else "passed",
        pt,
        en,
        {"rules": float(len(check.outcomes)), "broken": float(len(broken)), "errors": float(len(serious))},
    )


def _rule(outcome: QualityOutcome) -> str:
    return f"{outcome.rule} ({outcome.column})" if outcome.column else outcome.rule


def _observed(check: Check, *, at: datetime, origin: str) -> list[Observation]:
    match check:
        case Freshness():
            if check.newest is None:
                return []
            hours = (at - check.newest).total_seconds() / 3600
            return [Observation(check.subject, check.metric, at, hours, origin)]
        case Volume():
            return [Observation(check.subject, check.metric, check.at, check.value, origin)]
        case Anomaly():
            return [Observation(check.subject, check.metric, point.at, point.value, origin) for point in check.points]
        case SchemaCheck() | ContractCheck():
            return []
        case _:
            assert_never(check)
