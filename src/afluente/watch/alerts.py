"""Alerts as they stand: opened once, counted afterwards, acknowledged by somebody, resolved by what comes right.

Invariant: one row a fingerprint; one that is open or acknowledged is never opened twice; an alert grows graver by
being repeated, never milder. Every function needs a write transaction and reads no clock.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from afluente.core.errors import UsageError
from afluente.core.language import Language
from afluente.state import events
from afluente.state.json_value import Json
from afluente.state.watch_schema import ALERTS
from afluente.watch.alert import Alert, AlertKind, Severity

AlertStatus = Literal["open", "acknowledged", "resolved"]
STANDING: tuple[AlertStatus, ...] = ("open", "acknowledged")
GRAVITY: tuple[Severity, ...] = ("info", "warning", "error", "critical")
ESCALATES_AFTER = 3
"""The third time an alert is raised while it stands, it is one step graver."""
TOLD_AND_DUE_AGAIN = datetime(1970, 1, 1, tzinfo=UTC)
"""`notified_at` of an alert that people know of and must hear of again at once: it grew graver."""
MOMENT = timedelta(microseconds=1)
"""An end comes after the notice of what ended."""
SHORTEST_PREFIX = 6


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """An alert as it stands. `times` counts since it was opened; `notified_at` is None until a notice was written."""

    fingerprint: str
    kind: AlertKind
    severity: Severity
    subject: str
    code: str
    title_pt: str
    title_en: str
    detail_pt: str
    detail_en: str
    owner: str
    runbook: str
    group_key: str
    status: AlertStatus
    times: int
    first_at: datetime
    last_at: datetime
    notified_at: datetime | None
    resolved_at: datetime | None
    run_id: str | None

    @property
    def is_standing(self) -> bool:
        return self.status in STANDING

    def title(self, language: Language) -> str:
        return self.title_pt if language == "pt" else self.title_en

    def detail(self, language: Language) -> str:
        return self.detail_pt if language == "pt" else self.detail_en


def fire(connection: sa.Connection, alert: Alert, *, at: datetime) -> StoredAlert:
    """Open the alert, or count it where it stands already."""
    known = find(connection, alert.fingerprint)
    if known is None or not known.is_standing:
        return _open(connection, alert, known, at=at)
    times = known.times + 1
    severity = _graver(known.severity, _escalated(alert.severity, times))
    values: dict[str, object] = {
        "severity": severity,
        **_said(alert),
        "times": times,
        "last_at": max(at, known.last_at),
    }
    if severity != known.severity:
        values["status"] = "open"
        if known.notified_at is not None:
            values["notified_at"] = TOLD_AND_DUE_AGAIN
    connection.execute(sa.update(ALERTS).where(ALERTS.c.fingerprint == alert.fingerprint).values(values))
    return _found(connection, alert.fingerprint)


def resolve(connection: sa.Connection, fingerprint: str, *, at: datetime) -> StoredAlert | None:
    """The alert, resolved; None when it does not stand."""
    known = find(connection, fingerprint)
    if known is None or not known.is_standing:
        return None
    connection.execute(
        sa.update(ALERTS)
        .where(ALERTS.c.fingerprint == fingerprint)
        .values(status="resolved", resolved_at=at if known.notified_at is None else max(at, known.notified_at + MOMENT))
    )
    _tell(connection, known, "alert.resolved", at=at)
    return _found(connection, fingerprint)


def resolve_subject(
    connection: sa.Connection,
    subject: str,
    *,
    kinds: Collection[AlertKind],
    at: datetime,
    but: Collection[str] = (),
) -> list[StoredAlert]:
    """Resolve what stands of a subject and kinds, except the fingerprints in `but`."""
    query = sa.select(ALERTS.c.fingerprint).where(
        ALERTS.c.subject == subject, ALERTS.c.kind.in_(list(kinds)), ALERTS.c.status.in_(STANDING)
    )
    found = [one for one in connection.execute(query.order_by(ALERTS.c.first_at)).scalars() if one not in but]
    resolved = [resolve(connection, fingerprint, at=at) for fingerprint in found]
    return [one for one in resolved if one is not None]


def acknowledge(
    connection: sa.Connection, fingerprint: str, *, by_whom: str, reason: str, at: datetime
) -> StoredAlert | None:
    """The alert, acknowledged: it is told no more until it grows graver or is resolved. None when it does not stand."""
    known = find(connection, fingerprint)
    if known is None or not known.is_standing:
        return None
    connection.execute(sa.update(ALERTS).where(ALERTS.c.fingerprint == fingerprint).values(status="acknowledged"))
    _tell(connection, known, "alert.acknowledged", at=at, payload={"by": by_whom, "reason": reason})
    return _found(connection, fingerprint)


def find(connection: sa.Connection, fingerprint: str) -> StoredAlert | None:
    row = connection.execute(sa.select(ALERTS).where(ALERTS.c.fingerprint == fingerprint)).first()
    return None if row is None else StoredAlert(**row._mapping)  # noqa: SLF001


def find_by_prefix(connection: sa.Connection, prefix: str) -> StoredAlert:
    """The one alert whose fingerprint begins so. UsageError when there is none, or more than one."""
    query = sa.select(ALERTS).where(ALERTS.c.fingerprint.startswith(prefix, autoescape=True)).limit(2)
    rows = connection.execute(query).all() if len(prefix) >= SHORTEST_PREFIX else []
    if len(rows) != 1:
        raise UsageError(
            "watch.alert_unknown",
            f"alert '{prefix}' does not exist, or more than one begins so",
            hint=f"give at least {SHORTEST_PREFIX} characters; `afluente watch alerts` shows them",
        )
    return StoredAlert(**rows[0]._mapping)  # noqa: SLF001


def listing(connection: sa.Connection, *, statuses: Sequence[AlertStatus] = STANDING) -> list[StoredAlert]:
    """Alerts of these statuses, the gravest first, then the newest."""
    query = sa.select(ALERTS).where(ALERTS.c.status.in_(statuses)).order_by(ALERTS.c.last_at.desc())
    found = [StoredAlert(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001
    return sorted(found, key=lambda one: -GRAVITY.index(one.severity))


def untold_ends(connection: sa.Connection) -> list[StoredAlert]:
    """Resolved alerts that people heard of and whose end they were not told."""
    query = (
        sa.select(ALERTS)
        .where(ALERTS.c.status == "resolved", ALERTS.c.notified_at < ALERTS.c.resolved_at)
        .order_by(ALERTS.c.resolved_at)
    )
    return [StoredAlert(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def mark_told(connection: sa.Connection, fingerprints: Collection[str], *, at: datetime) -> None:
    connection.execute(sa.update(ALERTS).where(ALERTS.c.fingerprint.in_(list(fingerprints))).values(notified_at=at))


def mark_ends_told(connection: sa.Connection, fingerprints: Collection[str]) -> None:
    connection.execute(
        sa.update(ALERTS)
        .where(ALERTS.c.fingerprint.in_(list(fingerprints)), ALERTS.c.status == "resolved")
        .values(notified_at=ALERTS.c.resolved_at)
    )


def group_key(alert: Alert) -> str:
    """What is told together: the alert's own group, or all of one owner and kind."""
    return alert.group or f"{alert.owner or '-'}/{alert.kind}"


def is_as_grave(severity: Severity, minimum: Severity) -> bool:
    return GRAVITY.index(severity) >= GRAVITY.index(minimum)


def _said(alert: Alert) -> dict[str, object]:
    """What an alert says at each time it is fired."""
    return {
        "title_pt": alert.title_pt,
        "title_en": alert.title_en,
        "detail_pt": alert.detail_pt,
        "detail_en": alert.detail_en,
        "owner": alert.owner,
        "runbook": alert.runbook,
        "group_key": group_key(alert),
        "run_id": alert.run_id,
    }


def _open(connection: sa.Connection, alert: Alert, known: StoredAlert | None, *, at: datetime) -> StoredAlert:
    values: dict[str, object] = {
        "kind": alert.kind,
        "severity": alert.severity,
        "subject": alert.subject,
        "code": alert.code,
        **_said(alert),
        "status": "open",
        "times": 1,
        "first_at": at,
        "last_at": at,
        "notified_at": None,
        "resolved_at": None,
    }
    if known is None:
        connection.execute(sa.insert(ALERTS).values(fingerprint=alert.fingerprint, **values))
    else:
        connection.execute(sa.update(ALERTS).where(ALERTS.c.fingerprint == alert.fingerprint).values(values))
    opened = _found(connection, alert.fingerprint)
    _tell(connection, opened, "alert.opened", at=at, payload={"severity": alert.severity, "kind": alert.kind})
    return opened


def _found(connection: sa.Connection, fingerprint: str) -> StoredAlert:
    found = find(connection, fingerprint)
    assert found is not None
    return found


def _tell(
    connection: sa.Connection,
    alert: StoredAlert,
    kind: str,
    *,
    at: datetime,
    payload: dict[str, Json] | None = None,
) -> None:
    told: dict[str, Json] = {"subject": alert.subject, "code": alert.code, **(payload or {})}
    events.append(connection, at=at, kind=kind, subject=f"alert/{alert.fingerprint}", payload=told)


def _graver(one: Severity, other: Severity) -> Severity:
    return max(one, other, key=GRAVITY.index)


def _escalated(severity: Severity, times: int) -> Severity:
    if severity == "info" or times < ESCALATES_AFTER:
        return severity
    return GRAVITY[min(GRAVITY.index(severity) + 1, len(GRAVITY) - 1)]
