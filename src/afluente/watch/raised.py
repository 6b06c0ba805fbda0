"""The alerts that things going wrong raise, with their words in both languages.

Invariant: a title fits a subject line; a detail repeats only what the error said, which holds no restricted value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from afluente.core.language import Message
from afluente.watch.alert import Alert, AlertKind, Severity
from afluente.watch.owners import owner_of, runbook_of

if TYPE_CHECKING:
    from afluente.project.settings import Project

TITLES: dict[AlertKind, Message] = {
    "extraction": Message("{subject} não foi lida", "{subject} was not read"),
    "transformation": Message("{subject} não foi feita", "{subject} was not made"),
    "inconsistency": Message("{subject} tem dados inconsistentes", "{subject} has inconsistent data"),
    "connection": Message("{subject} não responde", "{subject} cannot be reached"),
    "delivery": Message("{subject} não foi entregue", "{subject} was not delivered"),
    "credentials": Message("{subject} recusou as credenciais", "{subject} refused the credentials"),
    "contract": Message("{subject} não cumpre o contrato", "{subject} breaks its contract"),
    "anomaly": Message("{subject} está fora do padrão", "{subject} is out of its pattern"),
    "privacy": Message("{subject} foi barrado pela privacidade", "{subject} was stopped by privacy"),
}


def raised(
    project: Project,
    kind: AlertKind,
    severity: Severity,
    subject: str,
    code: str,
    *,
    detail: Message,
    run_id: str | None = None,
    group: str = "",
) -> Alert:
    """An alert of this project, with its owner, its runbook and its title."""
    title = TITLES[kind]
    return Alert(
        kind=kind,
        severity=severity,
        subject=subject,
        code=code,
        title_pt=title.say("pt", subject=subject),
        title_en=title.say("en", subject=subject),
        detail_pt=detail.pt,
        detail_en=detail.en,
        owner=owner_of(project, subject),
        runbook=runbook_of(project, kind),
        group=group,
        run_id=run_id,
    )
