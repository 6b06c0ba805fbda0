"""Which alerts are told now, together, on which channel.

Invariant: what is silenced, acknowledged or hangs on a told cause is not told; what stands is told again only after
the interval, or at once when it grew graver; an end is told once, to those who heard of the beginning.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from afluente.project.alert_settings import AlertSettings
from afluente.watch.alerts import TOLD_AND_DUE_AGAIN, StoredAlert, is_as_grave
from afluente.watch.silences import Silence, is_silenced


@dataclass(frozen=True, slots=True)
class Notice:
    """What one channel is told of one group: all of it that stands, and what ended."""

    channel: str
    group_key: str
    standing: tuple[StoredAlert, ...]
    ended: tuple[StoredAlert, ...]


def notices(
    standing: Sequence[StoredAlert],
    ended: Sequence[StoredAlert],
    settings: AlertSettings,
    *,
    silences: Sequence[Silence],
    inhibited: Collection[str],
    at: datetime,
) -> list[Notice]:
    """The notices to write now, by group and channel. `standing` comes the gravest first."""
    told = [
        alert
        for alert in standing
        if alert.status == "open" and alert.fingerprint not in inhibited and not is_silenced(alert, silences, at=at)
    ]
    over = [alert for alert in ended if not is_silenced(alert, silences, at=at)]
    repeat = timedelta(hours=settings.repeat_hours)
    found: list[Notice] = []
    for group in dict.fromkeys(alert.group_key for alert in (*told, *over)):
        for channel in settings.channels:
            here = [a for a in told if a.group_key == group and is_as_grave(a.severity, channel.minimum_severity)]
            gone = [a for a in over if a.group_key == group and is_as_grave(a.severity, channel.minimum_severity)]
            if gone or any(_is_due(alert, repeat, at=at) for alert in here):
                found.append(Notice(channel.name, group, tuple(here), tuple(gone)))
    return found


def _is_due(alert: StoredAlert, repeat: timedelta, *, at: datetime) -> bool:
    if alert.notified_at is None or alert.notified_at == TOLD_AND_DUE_AGAIN:
        return True
    return at - alert.notified_at >= repeat
