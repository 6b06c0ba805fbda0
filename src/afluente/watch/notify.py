"""Telling people: notices are written down with the alerts' state and sent from the outbox afterwards.

Invariant: a notice is in the outbox if and only if its alerts are marked as told, so a process that dies between the
two loses nothing; a notice that was sent is not sent again, but after an end that nobody saw, and then under the
same Message-ID.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from afluente.core.errors import AfluenteError
from afluente.core.ids import new_id
from afluente.project.alert_settings import AlertSettings
from afluente.state import outbox
from afluente.state.json_value import Json
from afluente.state.outbox import OutboxEntry
from afluente.state.schema import OUTBOX
from afluente.state.watch_schema import NOTICES
from afluente.watch import alerts, silences
from afluente.watch.budget import budget
from afluente.watch.channels import ChannelError, deliver
from afluente.watch.grouping import Notice, notices
from afluente.watch.inhibition import inhibited
from afluente.watch.upstream import upstream_of
from afluente.watch.wording import Wording, word

if TYPE_CHECKING:
    from afluente.project.settings import Project
    from afluente.runs.steps.workspace import Workspace

KIND = "alert"
LEASE_SECONDS = 300.0
FIRST_BACKOFF_SECONDS = 30.0
LONGEST_BACKOFF_SECONDS = 3600.0
GIVES_UP_AFTER = timedelta(days=7)
NOTIFY_LOCK = 0x4146_4E4F


@dataclass(frozen=True, slots=True)
class Notified:
    """What came of it: notices written, sent, and put back to be tried again, with the codes of what failed."""

    written: int = 0
    sent: int = 0
    put_back: int = 0
    given_up: int = 0
    error_codes: tuple[str, ...] = ()


def notify_due(workspace: Workspace) -> Notified:
    """Write down the notices that are due and send what the outbox holds. A project without alerts does nothing."""
    settings = workspace.project.alerts
    if settings is None:
        return Notified()
    written = write_notices(workspace, settings)
    return _send_due(workspace, settings, written)


def write_notices(workspace: Workspace, settings: AlertSettings) -> int:
    """Put what is due in the outbox, in one transaction with the alerts' state; how many notices."""
    at = workspace.clock.now()
    with workspace.state.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(NOTIFY_LOCK)))
        standing = alerts.listing(connection)
        ended = alerts.untold_ends(connection)
        if not standing and not ended:
            return 0
        causes = inhibited(standing, upstream_of(connection, workspace.project))
        silent = silences.active(connection, at=at)
        due = notices(standing, ended, settings, silences=silent, inhibited=causes, at=at)
        for notice in due:
            _put(connection, notice, workspace.project, settings, at=at)
        alerts.mark_told(connection, {a.fingerprint for notice in due for a in notice.standing}, at=at)
        alerts.mark_ends_told(connection, {alert.fingerprint for alert in ended})
    return len(due)


def waiting(connection: sa.Connection) -> dict[str, int]:
    """How many notices of the outbox are waiting, done or failed."""
    query = sa.select(OUTBOX.c.status, sa.func.count()).where(OUTBOX.c.kind == KIND).group_by(OUTBOX.c.status)
    return {str(status): int(count) for status, count in connection.execute(query)}


def backoff_seconds(attempts: int) -> float:
    """How long to wait after this many attempts that failed."""
    return float(min(FIRST_BACKOFF_SECONDS * 2 ** (max(attempts, 1) - 1), LONGEST_BACKOFF_SECONDS))


def _put(connection: sa.Connection, notice: Notice, project: Project, settings: AlertSettings, *, at: datetime) -> None:
    entry_id = new_id(at)
    spent = budget(connection, notice.channel, allowed=settings.weekly_budget, at=at)
    wording = word(
        notice.standing,
        notice.ended,
        project=project.name,
        timezone=project.timezone,
        language=project.language,
        budget=spent,
    )
    payload: dict[str, Json] = {
        "channel": notice.channel,
        "subject": wording.subject,
        "text": wording.text,
        "message_id": f"<{entry_id}@afluente.{project.name}>",
        "recipients": [],
    }
    outbox.put(connection, OutboxEntry(entry_id, KIND, payload, created_at=at, due_at=at, key=f"{KIND}/{entry_id}"))
    fingerprints = [alert.fingerprint for alert in (*notice.standing, *notice.ended)]
    connection.execute(
        sa.insert(NOTICES).values(
            at=at,
            channel=notice.channel,
            group_key=notice.group_key,
            fingerprints=fingerprints,
            outbox_id=entry_id,
        )
    )


def _send_due(workspace: Workspace, settings: AlertSettings, written: int) -> Notified:
    """Send entry after entry; after a failure a channel is left alone until the next time."""
    sent = put_back = given_up = 0
    codes: dict[str, str] = {}
    while True:
        with workspace.state.write() as connection:
            claimed = outbox.claim(
                connection, kind=KIND, at=workspace.clock.now(), lease_seconds=LEASE_SECONDS, limit=1
            )
        if not claimed:
            return Notified(written, sent, put_back, given_up, tuple(dict.fromkeys(codes.values())))
        entry = claimed[0]
        channel = str(entry.payload["channel"])
        try:
            if channel in codes:
                raise ChannelError(codes[channel], f"channel {channel!r} failed a moment ago", retryable=True)
            _send(workspace, settings, entry)
        except AfluenteError as error:
            codes[channel] = error.code
            if workspace.clock.now() - entry.created_at > GIVES_UP_AFTER:
                given_up += 1
                with workspace.state.write() as connection:
                    outbox.give_up(connection, entry.id, error_code=error.code)
                continue
            put_back += 1
            due_at = workspace.clock.now() + timedelta(seconds=backoff_seconds(entry.attempts))
            with workspace.state.write() as connection:
                outbox.put_back(connection, entry.id, due_at=due_at, error_code=error.code)
        else:
            sent += 1


def _send(workspace: Workspace, settings: AlertSettings, entry: OutboxEntry) -> None:
    payload = entry.payload
    name = str(payload["channel"])
    channel = settings.channel(name)
    if channel is None:
        raise ChannelError(
            "watch.channel_unknown",
            f"channel {name!r} is in afluente.yaml no more",
            hint="name it again, or let it end",
        )
    left = deliver(
        channel,
        Wording(str(payload["subject"]), str(payload["text"])),
        message_id=str(payload["message_id"]),
        at=entry.created_at,
        secret=workspace.secret,
        recipients=_recipients(payload),
    )
    with workspace.state.write() as connection:
        outbox.finish(connection, entry.id)
        if left:
            now = workspace.clock.now()
            rest = OutboxEntry(
                new_id(now),
                KIND,
                {**payload, "recipients": list(left)},
                created_at=entry.created_at,
                due_at=now + timedelta(seconds=backoff_seconds(entry.attempts)),
                attempts=entry.attempts,
                key=f"{entry.id}/rest",
            )
            outbox.put(connection, rest)


def _recipients(payload: Mapping[str, Json]) -> tuple[str, ...]:
    listed = payload.get("recipients")
    return tuple(str(one) for one in listed) if isinstance(listed, list) else ()
