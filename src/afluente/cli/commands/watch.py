"""`afluente watch`: alerts, silences, incidents and baselines, in the project's language."""

from __future__ import annotations

import getpass
from argparse import Namespace
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from afluente.cli.console import Console
from afluente.cli.opening import open_workspace
from afluente.cli.words import age_text, moment_text
from afluente.core.errors import UsageError
from afluente.core.language import Message

if TYPE_CHECKING:
    from afluente.runs.steps.workspace import Workspace
    from afluente.watch.alerts import StoredAlert

SHOWN = 12
NO_CHANNELS = Message(
    "o projeto não tem `alerts:` em afluente.yaml: nada é avisado",
    "the project has no `alerts:` in afluente.yaml: nothing is told",
)


def run(arguments: Namespace, console: Console) -> int:
    with open_workspace(arguments) as workspace:
        match arguments.action:
            case "alerts":
                return _alerts(workspace, console, is_all=arguments.is_all)
            case "show" | "ack" | "resolve":
                return _one(workspace, arguments, console)
            case "silence" | "silences" | "unsilence":
                return _silences(workspace, arguments, console)
            case "incident":
                return _incidents(workspace, arguments, console)
            case "notify":
                return _notify(workspace, console)
            case "baseline":
                return _baseline(workspace, arguments, console)
            case _:
                return _status(workspace, console)


def _status(workspace: Workspace, console: Console) -> int:
    from afluente.watch import alerts, notify, silences
    from afluente.watch.budget import budget

    now, settings = workspace.clock.now(), workspace.project.alerts
    channels = settings.channels if settings is not None else ()
    allowed = settings.weekly_budget if settings is not None else 0
    with workspace.state.read() as connection:
        standing = alerts.listing(connection)
        silent = silences.active(connection, at=now)
        outbox = notify.waiting(connection)
        budgets = [budget(connection, channel.name, allowed=allowed, at=now) for channel in channels]
    by_severity = {severity: sum(one.severity == severity for one in standing) for severity in reversed(alerts.GRAVITY)}
    if console.is_json:
        console.json(
            {
                "alerts": by_severity,
                "acknowledged": sum(one.status == "acknowledged" for one in standing),
                "silences": len(silent),
                "outbox": outbox,
                "channels": [asdict(one) | {"is_overspent": one.is_overspent} for one in budgets],
            }
        )
        return 0
    language = workspace.project.language
    counted = ", ".join(f"{severity} {count}" for severity, count in by_severity.items() if count)
    console.data(
        Message("alertas: {n}", "alerts: {n}").say(language, n=counted or Message("nenhum", "none").say(language))
    )
    waiting, failed = outbox.get("waiting", 0) + outbox.get("claimed", 0), outbox.get("failed", 0)
    said = Message("a enviar: {w}; desistidos: {f}; silêncios: {s}", "to be sent: {w}; given up: {f}; silences: {s}")
    console.data(said.say(language, w=waiting, f=failed, s=len(silent)))
    if not channels:
        console.note(NO_CHANNELS.say(language))
    for one in budgets:
        over = Message(" - acima do que se lê", " - more than people read").say(language) if one.is_overspent else ""
        week = Message("canal {c}: {n} de {m} avisos na semana{o}", "channel {c}: {n} of {m} notices this week{o}")
        console.data(week.say(language, c=one.channel, n=one.spent, m=one.allowed, o=over))
    if standing:
        _table(workspace, standing, console)
    return 0


def _alerts(workspace: Workspace, console: Console, *, is_all: bool) -> int:
    from afluente.watch import alerts

    with workspace.state.read() as connection:
        found = alerts.listing(connection, statuses=(*alerts.STANDING, "resolved") if is_all else alerts.STANDING)
    if console.is_json:
        console.json([asdict(one) for one in found])
    elif found:
        _table(workspace, found, console)
    else:
        console.note(Message("nenhum alerta aberto", "no alert stands open").say(workspace.project.language))
    return 0


def _table(workspace: Workspace, found: list[StoredAlert], console: Console) -> None:
    now = workspace.clock.now()
    console.table(
        {
            "alert": one.fingerprint[:SHOWN],
            "severity": one.severity,
            "kind": one.kind,
            "status": one.status,
            "times": one.times,
            "for": age_text(one.first_at, now),
            "title": one.title(workspace.project.language),
        }
        for one in found
    )


def _one(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.watch import alerts

    now = workspace.clock.now()
    with workspace.state.write() as connection:
        alert = alerts.find_by_prefix(connection, arguments.fingerprint)
        changed: StoredAlert | None = alert
        if arguments.action == "ack":
            who, reason = arguments.by or getpass.getuser(), _reason(arguments.reason)
            changed = alerts.acknowledge(connection, alert.fingerprint, by_whom=who, reason=reason, at=now)
        elif arguments.action == "resolve":
            changed = alerts.resolve(connection, alert.fingerprint, at=now)
    if changed is None:
        raise UsageError("watch.not_standing", f"alert {alert.fingerprint[:SHOWN]} is {alert.status} already")
    if console.is_json:
        console.json(asdict(changed))
        return 0
    language = workspace.project.language
    console.data(f"{changed.severity} ({changed.kind}, {changed.status}): {changed.title(language)}")
    facts = {
        "detail": changed.detail(language),
        "subject": changed.subject,
        "code": changed.code,
        "owner": changed.owner,
        "runbook": changed.runbook,
        "group": changed.group_key,
        "run": changed.run_id,
        "times": changed.times,
        "first": moment_text(changed.first_at),
        "last": moment_text(changed.last_at),
        "told": moment_text(changed.notified_at) if changed.notified_at != alerts.TOLD_AND_DUE_AGAIN else "",
        "resolved": moment_text(changed.resolved_at),
        "fingerprint": changed.fingerprint,
    }
    for name, value in facts.items():
        if value:
            console.data(f"{name:<13} {value}")
    return 0


def _silences(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.watch import silences

    now, language = workspace.clock.now(), workspace.project.language
    match arguments.action:
        case "silence":
            matches = silences.parse_matches(arguments.match)
            who = arguments.by or getpass.getuser()
            with workspace.state.write() as connection:
                made = silences.silence(
                    connection, matches, hours=arguments.hours, by_whom=who, reason=arguments.reason, at=now
                )
            if console.is_json:
                console.json(asdict(made))
            else:
                said = Message("silêncio {id} até {until}", "silence {id} until {until}")
                console.data(said.say(language, id=made.id, until=moment_text(made.ends_at)))
        case "unsilence":
            with workspace.state.write() as connection:
                if not silences.end_silence(connection, arguments.id, at=now):
                    raise UsageError(
                        "watch.silence_unknown",
                        f"no silence {arguments.id!r} goes on",
                        hint="`afluente watch silences` shows them",
                    )
            console.note(Message("o silêncio acabou", "the silence has ended").say(language))
        case _:
            with workspace.state.read() as connection:
                found = silences.active(connection, at=now)
            console.table(
                {
                    "silence": one.id,
                    "matches": " ".join(f"{name}={pattern}" for name, pattern in one.matches.items()),
                    "until": one.ends_at if console.is_json else moment_text(one.ends_at),
                    "by": one.by_whom,
                    "reason": one.reason,
                }
                for one in found
            )
    return 0


def _incidents(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.watch import incidents

    if arguments.incident_action == "add":
        with workspace.state.write() as connection:
            made = incidents.acknowledge(
                connection,
                subject=arguments.subject,
                metric=arguments.metric,
                starts_at=_day(arguments.first),
                ends_at=_day(arguments.last) + timedelta(days=1),
                by_whom=arguments.by or getpass.getuser(),
                reason=arguments.reason,
                at=workspace.clock.now(),
            )
        if console.is_json:
            console.json(asdict(made))
        else:
            console.data(made.id)
        return 0
    with workspace.state.read() as connection:
        found = incidents.listing(connection)
    console.table(
        {
            "incident": one.id,
            "subject": one.subject,
            "metric": one.metric or "*",
            "from": one.starts_at.date(),
            "to": (one.ends_at - timedelta(microseconds=1)).date(),
            "by": one.by_whom,
            "reason": one.reason,
        }
        for one in found
    )
    return 0


def _notify(workspace: Workspace, console: Console) -> int:
    from afluente.watch.attend import attend

    language = workspace.project.language
    if workspace.project.alerts is None:
        raise UsageError(
            "watch.no_alerts", NO_CHANNELS.say(language), hint="alerts: {channels: [{name: team, mail: {...}}]}"
        )
    done = attend(workspace)
    if console.is_json:
        console.json({"read": asdict(done.read), "notified": asdict(done.notified)})
    else:
        said = Message(
            "{e} acontecimentos lidos; {w} avisos escritos, {s} enviados, {p} por reenviar, {g} desistidos",
            "{e} events read; {w} notices written, {s} sent, {p} to be sent again, {g} given up",
        )
        told = done.notified
        console.data(
            said.say(language, e=done.read.events, w=told.written, s=told.sent, p=told.put_back, g=told.given_up)
        )
        for code in told.error_codes:
            console.note(Message("um canal falhou: {code}", "a channel failed: {code}").say(language, code=code))
    return 1 if done.notified.error_codes else 0


def _baseline(workspace: Workspace, arguments: Namespace, console: Console) -> int:
    from afluente.watch import observations
    from afluente.watch.baseline import Baseline
    from afluente.watch.checks import DEFAULT_Z
    from afluente.watch.look_back import look_back

    with workspace.state.read() as connection:
        if not arguments.metric:
            known = observations.metrics(connection)
            chosen = [one for one in known if arguments.subject in (None, one[0])]
            console.table({"subject": subject, "metric": metric, "figures": n} for subject, metric, n in chosen)
            return 0
        judged = look_back(
            connection, arguments.subject, arguments.metric, last=max(arguments.last, 1), state=arguments.state
        )
    if not judged:
        raise UsageError(
            "watch.nothing_observed",
            f"nothing was observed of {arguments.metric!r} of {arguments.subject!r}",
            hint="`afluente watch baseline` lists what was",
        )
    rows: list[dict[str, object]] = []
    for one in judged:
        row: dict[str, object] = {"at": one.point.at.date(), "value": one.point.value}
        if isinstance(one.baseline, Baseline):
            lowest, highest = one.baseline.limits(DEFAULT_Z)
            row |= {"expected": one.baseline.expected, "lowest": lowest, "highest": highest, "z": one.baseline.z}
            row |= {"season": one.baseline.season}
        else:
            row |= {"expected": None, "lowest": None, "highest": None, "z": None, "season": "untrained"}
        rows.append(row)
    console.table(rows)
    return 0


def _day(text: str) -> datetime:
    """A day as figures are kept: its beginning in UTC."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise UsageError("watch.day", f"{text!r} is no day", hint="write YYYY-MM-DD") from None


def _reason(text: str) -> str:
    if not text.strip():
        raise UsageError("watch.no_reason", "there is no reason", hint="--reason says why")
    return text
