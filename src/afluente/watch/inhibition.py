"""What hangs on a cause that is told already is not told by itself.

Invariant: an alert is inhibited only while its cause stands, and a cause is never inhibited by what hangs on it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from afluente.watch.alert import AlertKind
from afluente.watch.alerts import StoredAlert
from afluente.watch.product_events import way_of

Upstream = Mapping[str, Collection[str]]
"""What each subject hangs on, directly: a table on its source, a product on its tables."""

_CAUSES: tuple[AlertKind, ...] = ("credentials", "connection", "extraction", "transformation", "contract")
_EFFECTS: tuple[AlertKind, ...] = ("anomaly", "inconsistency", "extraction", "transformation", "contract")
_SAME_SUBJECT: dict[AlertKind, tuple[AlertKind, ...]] = {
    "credentials": ("connection", "extraction", "delivery"),
    "connection": ("extraction", "delivery"),
    "privacy": ("anomaly",),
}
"""Of one subject, what makes which other kinds plain."""


def inhibited(alerts: Iterable[StoredAlert], upstream: Upstream) -> dict[str, StoredAlert]:
    """The fingerprints of alerts that are not told, each with the alert that is its cause."""
    standing = [alert for alert in alerts if alert.is_standing]
    causes: dict[str, list[StoredAlert]] = {}
    for alert in standing:
        causes.setdefault(alert.subject, []).append(alert)
    found: dict[str, StoredAlert] = {}
    for alert in standing:
        cause = _cause_here(alert, causes) or _cause_above(alert, causes, upstream)
        if cause is not None:
            found[alert.fingerprint] = cause
    return found


def _cause_here(alert: StoredAlert, causes: Mapping[str, list[StoredAlert]]) -> StoredAlert | None:
    places = [alert.subject, way_of(alert.subject)]
    for place in places:
        for other in causes.get(place, ()):
            if alert.kind in _SAME_SUBJECT.get(other.kind, ()) and other.fingerprint != alert.fingerprint:
                return other
    return None


def _cause_above(alert: StoredAlert, causes: Mapping[str, list[StoredAlert]], upstream: Upstream) -> StoredAlert | None:
    if alert.kind not in _EFFECTS:
        return None
    for subject in above(alert.subject, upstream):
        for other in causes.get(subject, ()):
            if other.kind in _CAUSES:
                return other
    return None


def above(subject: str, upstream: Upstream) -> list[str]:
    """Everything a subject hangs on, the nearest first, without itself."""
    seen = {subject}
    found: list[str] = []
    waiting = list(upstream.get(subject, ()))
    while waiting:
        next_one = waiting.pop(0)
        if next_one not in seen:
            seen.add(next_one)
            found.append(next_one)
            waiting += upstream.get(next_one, ())
    return found
