"""Silences: for so long, alerts that match are not told. They are opened and counted all the same.

Invariant: a silence has an end, a reason and a name, and matches on at least one field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import sqlalchemy as sa

from afluente.core.errors import UsageError
from afluente.core.ids import new_id
from afluente.core.nearest import did_you_mean
from afluente.state.watch_schema import SILENCES
from afluente.watch.alerts import StoredAlert

FIELDS = ("subject", "kind", "severity", "code", "owner")
LONGEST_HOURS = 24 * 90


@dataclass(frozen=True, slots=True)
class Silence:
    """`matches` maps fields of an alert to globs; all of them have to match."""

    id: str
    matches: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime
    by_whom: str
    reason: str

    def covers(self, alert: StoredAlert, *, at: datetime) -> bool:
        if not self.starts_at <= at < self.ends_at:
            return False
        return all(fnmatchcase(_field(alert, name), pattern) for name, pattern in self.matches.items())


def parse_matches(texts: Iterable[str]) -> dict[str, str]:
    """Read `field=glob` texts; a bare text is a glob of the subject. UsageError."""
    matches: dict[str, str] = {}
    for text in texts:
        name, equals, pattern = text.partition("=")
        if not equals:
            name, pattern = "subject", text
        if name not in FIELDS:
            raise UsageError("watch.silence_field", f"{text!r} matches no field", hint=did_you_mean(name, FIELDS))
        if not pattern:
            raise UsageError("watch.silence_field", f"{text!r} has no pattern", hint="such as subject=gold.*")
        matches[name] = pattern
    return matches


def silence(
    connection: sa.Connection, matches: Mapping[str, str], *, hours: float, by_whom: str, reason: str, at: datetime
) -> Silence:
    """Write a silence down that begins now. UsageError."""
    if not matches:
        raise UsageError("watch.silence_all", "the silence matches everything", hint="--match subject=gold.*")
    if not 0 < hours <= LONGEST_HOURS:
        raise UsageError(
            "watch.silence_hours", f"a silence of {hours:g} hours", hint=f"above 0 and up to {LONGEST_HOURS} hours"
        )
    if not reason.strip():
        raise UsageError("watch.no_reason", "the silence has no reason", hint="--reason says why")
    made = Silence(new_id(at), dict(matches), at, at + timedelta(hours=hours), by_whom, reason)
    connection.execute(
        sa.insert(SILENCES).values(
            id=made.id,
            matches=dict(made.matches),
            starts_at=made.starts_at,
            ends_at=made.ends_at,
            by_whom=by_whom,
            reason=reason,
        )
    )
    return made


def end_silence(connection: sa.Connection, silence_id: str, *, at: datetime) -> bool:
    """Whether there was such a silence, still going on; it ends now."""
    updated = connection.execute(
        sa.update(SILENCES).where(SILENCES.c.id == silence_id, SILENCES.c.ends_at > at).values(ends_at=at)
    )
    return bool(updated.rowcount)


def active(connection: sa.Connection, *, at: datetime) -> list[Silence]:
    query = sa.select(SILENCES).where(SILENCES.c.starts_at <= at, SILENCES.c.ends_at > at).order_by(SILENCES.c.id)
    return [Silence(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def is_silenced(alert: StoredAlert, silences: Iterable[Silence], *, at: datetime) -> bool:
    return any(one.covers(alert, at=at) for one in silences)


def _field(alert: StoredAlert, name: str) -> str:
    fields = {
        "subject": alert.subject,
        "kind": alert.kind,
        "severity": alert.severity,
        "code": alert.code,
        "owner": alert.owner,
    }
    return fields[name]
