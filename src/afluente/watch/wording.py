"""The text of a notice, in the project's language.

Invariant: the same alerts give the same text; it holds nothing that the alerts do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from afluente.core.language import Language, Message
from afluente.watch.alert import AlertKind, Severity
from afluente.watch.alerts import StoredAlert
from afluente.watch.budget import Budget

SEVERITY_WORDS: dict[Severity, Message] = {
    "info": Message("informação", "information"),
    "warning": Message("aviso", "warning"),
    "error": Message("erro", "error"),
    "critical": Message("crítico", "critical"),
}
KIND_WORDS: dict[AlertKind, Message] = {
    "extraction": Message("extração", "extraction"),
    "transformation": Message("transformação", "transformation"),
    "inconsistency": Message("inconsistência", "inconsistency"),
    "connection": Message("conexão", "connection"),
    "delivery": Message("entrega", "delivery"),
    "credentials": Message("credenciais", "credentials"),
    "contract": Message("contrato", "contract"),
    "anomaly": Message("anomalia", "anomaly"),
    "privacy": Message("privacidade", "privacy"),
}
SHOWN_FINGERPRINT = 12


@dataclass(frozen=True, slots=True)
class Wording:
    """A subject line and a plain text."""

    subject: str
    text: str


def word(
    standing: Sequence[StoredAlert],
    ended: Sequence[StoredAlert],
    *,
    project: str,
    timezone: str,
    language: Language,
    budget: Budget,
) -> Wording:
    """The notice of one group: what stands, the gravest first, and what was resolved."""
    zone = ZoneInfo(timezone)
    parts = [_standing(alert, zone, language) for alert in standing]
    parts += [_ended(alert, zone, language) for alert in ended]
    said = Message(
        "Este canal recebeu {spent} de {allowed} avisos nos últimos sete dias.",
        "This channel got {spent} of {allowed} notices in the last seven days.",
    ).say(language, spent=budget.spent + 1, allowed=budget.allowed)
    return Wording(_subject(standing, ended, project, language), "\n\n".join([*parts, said]) + "\n")


def _subject(standing: Sequence[StoredAlert], ended: Sequence[StoredAlert], project: str, language: Language) -> str:
    if not standing:
        first, head = ended[0], Message("resolvido", "resolved").say(language)
    else:
        first, head = standing[0], SEVERITY_WORDS[standing[0].severity].say(language)
    count = len(standing) or len(ended)
    more = Message(" (e mais {count})", " (and {count} more)").say(language, count=count - 1) if count > 1 else ""
    return " ".join(f"[{project}] {head}: {first.title(language)}{more}".split())


def _standing(alert: StoredAlert, zone: ZoneInfo, language: Language) -> str:
    severity, kind = SEVERITY_WORDS[alert.severity].say(language), KIND_WORDS[alert.kind].say(language)
    times = Message("{times}x desde {since}", "{times}x since {since}").say(
        language, times=alert.times, since=_moment(alert.first_at, zone)
    )
    facts = [
        (Message("assunto", "subject"), alert.subject),
        (Message("código", "code"), alert.code),
        (Message("dono", "owner"), alert.owner),
        (Message("vezes", "times"), times),
        (Message("execução", "run"), alert.run_id or ""),
        (Message("o que fazer", "what to do"), alert.runbook),
        (Message("para confirmar", "to acknowledge"), f"afluente watch ack {alert.fingerprint[:SHOWN_FINGERPRINT]}"),
    ]
    lines = [f"{severity.upper()} ({kind}): {alert.title(language)}", alert.detail(language)]
    lines += [f"  {name.say(language)}: {value}" for name, value in facts if value]
    return "\n".join(line for line in lines if line)


def _ended(alert: StoredAlert, zone: ZoneInfo, language: Language) -> str:
    assert alert.resolved_at is not None
    return Message("RESOLVIDO: {title}\n  {since} a {until}", "RESOLVED: {title}\n  {since} to {until}").say(
        language,
        title=alert.title(language),
        since=_moment(alert.first_at, zone),
        until=_moment(alert.resolved_at, zone),
    )


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")
