"""The notice that a partner gets before a contract changes, in Portuguese and in English.

Invariant: a breaking change never takes effect before the days of notice have passed; the text names every breaking
change and no data.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from afluente.core.language import Language, Message
from afluente.products.governance.contract_diff import Change, ContractDiff


@dataclass(frozen=True, slots=True)
class NoticePolicy:
    """Days between the notice and the change, and for how long the old version goes on beside the new one."""

    breaking_days: int = 30
    addition_days: int = 7
    overlap_days: int = 30


@dataclass(frozen=True, slots=True)
class Notice:
    """The drafted notice: subject and text in both languages, and its dates. `old_until` is None when nothing breaks."""

    subject: Message
    text: Message
    sent_on: date
    effective_on: date
    old_until: date | None

    def say(self, language: Language) -> str:
        """The subject, an empty line and the text."""
        return f"{self.subject.say(language)}\n\n{self.text.say(language)}"


_SUBJECT = Message(
    "{title}: o contrato {contract} passa da versão {old} para a {new}",
    "{title}: contract {contract} goes from version {old} to {new}",
)
_OPENING = Message(
    "A partir de {effective}, os arquivos de {title} seguem a versão {new} do contrato {contract}.",
    "From {effective} on, the files of {title} follow version {new} of contract {contract}.",
)
_BREAKING = Message("O que exige mudança do seu lado:", "What needs a change on your side:")
_OTHER = Message("O que muda sem exigir nada:", "What changes without asking anything of you:")
_OVERLAP = Message(
    "As entregas na versão {old} continuam, ao lado da nova, até {until}.",
    "Deliveries in version {old} go on beside the new one until {until}.",
)
_NOTHING = Message("Nada do que existe hoje muda de nome, de tipo ou de sentido.", "Nothing that exists today changes.")
_CLOSING = Message("Dúvidas: {owner}.", "Questions: {owner}.")


def draft_notice(
    diff: ContractDiff, *, title: str, owner: str, today: date, policy: NoticePolicy | None = None
) -> Notice:
    """Draft the notice of a change. `title` is the product's, `owner` whom the partner may ask."""
    policy = policy or NoticePolicy()
    days = policy.breaking_days if diff.is_breaking else policy.addition_days
    effective = today + timedelta(days=days)
    until = effective + timedelta(days=policy.overlap_days) if diff.is_breaking else None
    new = diff.new_version if diff.is_version_right else diff.needed
    said = {"title": title, "contract": diff.contract, "old": diff.old_version, "new": new}
    subject = Message(_SUBJECT.say("pt", **said), _SUBJECT.say("en", **said))
    text = Message(
        _text(diff, "pt", said, owner=owner, effective=effective, until=until),
        _text(diff, "en", said, owner=owner, effective=effective, until=until),
    )
    return Notice(subject, text, today, effective, until)


def _text(
    diff: ContractDiff, language: Language, said: dict[str, str], *, owner: str, effective: date, until: date | None
) -> str:
    others = tuple(change for change in diff.changes if change.impact != "breaking")
    parts = [_OPENING.say(language, effective=_day(effective, language), **said)]
    if diff.breaking:
        parts.append(_listed(_BREAKING, diff.breaking, language))
    else:
        parts.append(_NOTHING.say(language))
    if others:
        parts.append(_listed(_OTHER, others, language))
    if until is not None:
        parts.append(_OVERLAP.say(language, old=said["old"], until=_day(until, language)))
    if owner:
        parts.append(_CLOSING.say(language, owner=owner))
    return "\n\n".join(parts) + "\n"


def _listed(heading: Message, changes: tuple[Change, ...], language: Language) -> str:
    lines = (change.text.pt if language == "pt" else change.text.en for change in changes)
    return "\n".join([heading.say(language), *(f"- {line};" for line in lines)])


def _day(day: date, language: Language) -> str:
    return f"{day:%d/%m/%Y}" if language == "pt" else day.isoformat()
