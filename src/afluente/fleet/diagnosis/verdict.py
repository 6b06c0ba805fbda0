"""What a rule answers with, and what is kept of it.

Invariant: a confidence lies between 0.05 and 0.98; evidence is short plain text, whatever an agent told; a message
names the municipality and what was seen, never a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from afluente.core.language import Message
from afluente.fleet.diagnosis.view import SiteView

Family = Literal["connectivity", "maintenance", "inactivity", "unit", "ours"]
Action = Literal[
    "nothing", "wait", "message_site", "call_site", "ask_network", "ask_unit", "remedy", "install_again", "mend_ours"
]
Status = Literal["current", "corrected", "closed"]
LEAST, MOST = 0.05, 0.98
MOST_TEXT = 80
_PLAIN = re.compile(r"[^\w .,:;/\\()%+°'-]")
GREETING = "Olá, equipe de {name}! {body}"


@dataclass(frozen=True, slots=True)
class Situation:
    """A kind of trouble: what it is called, what to do, and the message for the municipality."""

    code: str
    family: Family
    title: Message
    action: Action
    what_to_do: Message
    message_pt: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found, before it is worded."""

    code: str
    confidence: float
    evidence: Mapping[str, str] = field(default_factory=dict)


Judge = Callable[[SiteView], Finding | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """A pure function of a view. The lowest priority that finds something wins."""

    name: str
    priority: int
    judge: Judge


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a site did not send on a day, or what fails there although it sent."""

    site: str
    day: date
    code: str
    family: Family
    confidence: float
    evidence: Mapping[str, str]
    action: Action
    message_pt: str
    at: datetime
    id: str = ""
    corrects: str | None = None
    status: Status = "current"


def worded(finding: Finding, situation: Situation, view: SiteView) -> Verdict:
    """The finding as a verdict, with its message."""
    evidence = {key: plain(value) for key, value in finding.evidence.items()}
    days = ("hoje", "de hoje") if view.is_today else (f"{view.day:%d/%m}", f"do dia {view.day:%d/%m}")
    body = situation.message_pt.format_map(_Values(evidence, on_day=days[0], of_day=days[1]))
    return Verdict(
        site=view.site,
        day=view.day,
        code=finding.code,
        family=situation.family,
        confidence=round(min(max(finding.confidence, LEAST), MOST), 2),
        evidence=evidence,
        action=situation.action,
        message_pt=GREETING.format(name=plain(view.name), body=body[:1].upper() + body[1:]),
        at=view.at,
    )


def plain(text: str) -> str:
    """Short text without anything that could pass for markup, an address to follow or another line."""
    without_links = re.sub(r"\w+://", "", text)
    return _PLAIN.sub(" ", without_links)[:MOST_TEXT].strip()


class _Values(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "(não informado)"
