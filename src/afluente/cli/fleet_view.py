"""How sites, verdicts and the summary are shown.

Invariant: a table has a row for each site in one order; the message for a municipality is Portuguese in every language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from afluente.cli.fleet_headings import headed, heading
from afluente.cli.words import age_text
from afluente.core.language import Language, Message
from afluente.fleet import agents, facts, remedies, sites
from afluente.fleet.diagnosis import verdicts
from afluente.fleet.diagnosis.rules import SITUATIONS
from afluente.fleet.send_plan import SendPlan
from afluente.fleet.site_configuration import plan_of
from afluente.state.fleet_schema import AGENTS, SITES, TRANSMISSIONS

if TYPE_CHECKING:
    from afluente.cli.console import Console
    from afluente.fleet.diagnosis.verdict import Verdict
    from afluente.fleet.summary import SiteLine, Summary
    from afluente.state.json_value import Json

STANDINGS: Mapping[str, Message] = {
    "sent": Message("enviaram", "sent"),
    "waiting": Message("no prazo", "in time"),
    "late": Message("atrasados", "late"),
    "silent": Message("calados", "silent"),
    "excused": Message("nada a fazer", "nothing to do"),
    "not_installed": Message("a instalar", "to install"),
}
WEEKDAYS = Message("seg|ter|qua|qui|sex|sáb|dom", "Mon|Tue|Wed|Thu|Fri|Sat|Sun")
NO_SENDING = Message("não", "no")
SENDS = Message("envia", "sends")
SHOWN_SITES = 40
SHOWN_FACTS = 15
SHOWN_VERDICTS = 8


def listing(connection: sa.Connection, *, uf: str, status: str) -> list[dict[str, object]]:
    """A row for each site, with the agent that speaks for it."""
    newest = (
        sa.select(TRANSMISSIONS.c.site, sa.func.max(TRANSMISSIONS.c.landed_at).label("sent_at"))
        .group_by(TRANSMISSIONS.c.site)
        .subquery()
    )
    query = (
        sa.select(
            SITES.c.id.label("site"),
            SITES.c.name,
            SITES.c.uf,
            SITES.c.status,
            SITES.c.ring,
            AGENTS.c.agent_version.label("agent"),
            AGENTS.c.pec_version.label("pec"),
            AGENTS.c.last_seen_at.label("seen"),
            newest.c.sent_at.label("sent"),
        )
        .outerjoin(AGENTS, sa.and_(AGENTS.c.site == SITES.c.id, AGENTS.c.status == "active"))
        .outerjoin(newest, newest.c.site == SITES.c.id)
        .order_by(SITES.c.id)
    )
    if uf:
        query = query.where(SITES.c.uf == uf)
    if status:
        query = query.where(SITES.c.status == status)
    return [dict(row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def site_story(connection: sa.Connection, site: str) -> dict[str, object]:
    """All that the hub knows of a site. FleetError when there is none."""
    found = sites.require(connection, site)
    query = (
        sa.select(
            TRANSMISSIONS.c.list_name,
            TRANSMISSIONS.c.kind,
            TRANSMISSIONS.c.rows,
            TRANSMISSIONS.c.state,
            TRANSMISSIONS.c.started_at,
            TRANSMISSIONS.c.error_code,
        )
        .where(TRANSMISSIONS.c.site == site)
        .order_by(TRANSMISSIONS.c.started_at.desc())
        .limit(10)
    )
    plan = plan_of(connection, site)
    return {
        "site": asdict(found),
        "send_plan": None if plan is None else plan.to_json(),
        "agents": [
            {
                "id": agent.id,
                "status": agent.status,
                "version": agent.agent_version,
                "pec": agent.pec_version,
                "enrolled_at": agent.enrolled_at,
                "last_seen_at": agent.last_seen_at,
            }
            for agent in agents.of_site(connection, site)
        ],
        "transmissions": [dict(row._mapping) for row in connection.execute(query)],  # noqa: SLF001
        "verdicts": [asdict(one) for one in verdicts.history(connection, site, limit=SHOWN_VERDICTS)],
        "remedies": [asdict(one) for one in remedies.listed(connection, site, limit=10)],
        "facts": [asdict(one) for one in facts.of_site(connection, site, limit=SHOWN_FACTS)],
    }


def tell_site(story: Mapping[str, object], line: SiteLine | None, console: Console, *, language: Language) -> None:
    """The story of a site, part by part."""
    site = story["site"]
    assert isinstance(site, dict)
    console.data(f"{site['name']} ({site['uf']}) {site['id']}, {site['status']}, {site['ring']}, {site['timezone']}")
    if line is not None:
        console.data(STANDINGS[line.standing].say(language))
        if line.verdict is not None:
            tell_verdict(line.verdict, console, language=language)
    plan = SendPlan.from_json(cast("Json", story["send_plan"]))
    if plan is not None:
        console.data(_plan_line(plan, language=language))
    parts = (
        ("agents", ("id", "status", "version", "pec", "last_seen_at")),
        ("transmissions", ("started_at", "list_name", "kind", "rows", "state", "error_code")),
        ("verdicts", ("day", "code", "confidence", "status", "corrects")),
        ("remedies", ("id", "kind", "status", "by_whom", "created_at", "detail")),
        ("facts", ("at", "code", "origin")),
    )
    for name, columns in parts:
        rows = story[name]
        assert isinstance(rows, list)
        if rows:
            shown = ({column: row[column] for column in columns} for row in rows)
            console.table(headed(shown, language), title=heading(name, language))


def _plan_line(plan: SendPlan, *, language: Language) -> str:
    days = WEEKDAYS.say(language).split("|")
    told = ", ".join(f"{day} {time or NO_SENDING.say(language)}" for day, time in zip(days, plan.times, strict=True))
    hours, minutes = divmod(abs(plan.zone_minutes), 60)
    sign = "-" if plan.zone_minutes < 0 else "+"
    return f"{SENDS.say(language)}: {told} (UTC{sign}{hours:02}:{minutes:02})"


def verdict_row(verdict: Verdict, *, language: Language) -> dict[str, object]:
    situation = SITUATIONS[verdict.code]
    return {
        "site": verdict.site,
        "why": situation.title.say(language),
        "confidence": f"{verdict.confidence:.0%}",
        "code": verdict.code,
        "what to do": _filled(situation.what_to_do.say(language), verdict),
    }


def tell_verdict(verdict: Verdict, console: Console, *, language: Language) -> None:
    """A verdict with its evidence, what to do and the message."""
    situation = SITUATIONS[verdict.code]
    labels = Message("por quê|provas|o que fazer|mensagem", "why|evidence|what to do|message").say(language).split("|")
    evidence = ", ".join(f"{key}={value}" for key, value in verdict.evidence.items())
    told = (
        f"{situation.title.say(language)} ({verdict.code}, {verdict.confidence:.0%})",
        evidence,
        _filled(situation.what_to_do.say(language), verdict),
        verdict.message_pt,
    )
    width = max(map(len, labels))
    for label, text in zip(labels, told, strict=True):
        console.data(f"{label.ljust(width)}  {text}")


def summary_json(summary: Summary) -> dict[str, object]:
    return {
        "day": summary.day,
        "at": summary.at,
        "counts": summary.counts(),
        "reasons": dict(summary.reasons()),
        "to_do": len(summary.to_do()),
        "sites": [asdict(line) for line in summary.sites],
    }


def tell_summary(summary: Summary, console: Console, *, language: Language) -> None:
    """The counts, then why, then the sites for which somebody has to do something."""
    counts = summary.counts()
    told = ", ".join(f"{STANDINGS[name].say(language)} {count}" for name, count in counts.items() if count)
    nothing = Message("nenhum local", "no site").say(language)
    console.data(f"{summary.day:%d/%m/%Y}: {told or nothing}")
    reasons = [
        {
            "why": SITUATIONS[code].title.say(language),
            "sites": count,
            "family": heading(SITUATIONS[code].family, language),
        }
        for code, count in summary.reasons()
    ]
    if reasons:
        console.table(headed(reasons, language), title=Message("por quê", "why").say(language))
    to_do = summary.to_do()
    if not to_do:
        return
    rows = [
        {
            "site": line.site,
            "name": line.name,
            "uf": line.uf,
            "now": STANDINGS[line.standing].say(language),
            "seen": "" if line.last_seen_at is None else age_text(line.last_seen_at, summary.at),
            **{
                key: value
                for key, value in verdict_row(line.verdict, language=language).items()
                if key in ("why", "confidence", "what to do")
            },
        }
        for line in to_do[:SHOWN_SITES]
        if line.verdict is not None
    ]
    console.table(headed(rows, language), title=Message("o que fazer", "what to do").say(language))
    if len(to_do) > SHOWN_SITES:
        console.note(
            Message("mais {n} locais: --json mostra todos", "{n} more sites: --json shows all").say(
                language, n=len(to_do) - SHOWN_SITES
            )
        )


def _filled(text: str, verdict: Verdict) -> str:
    for key, value in verdict.evidence.items():
        text = text.replace(f"{{{key}}}", value)
    return text
