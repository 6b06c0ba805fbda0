"""A finding: a stable code, its state, and the words for who is at the machine.

Invariant: the words come from the table of texts alone, filled with the evidence; evidence is short plain text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from afluente_agent.doctor.texts import TEXTS

State = Literal["ok", "warn", "fail", "unknown"]
MOST_EVIDENCE_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check saw. `what_to_do_pt` is one step that a municipal clerk can take; `_en` stands beside."""

    code: str
    state: State
    title_pt: str
    what_to_do_pt: str
    title_en: str
    what_to_do_en: str
    evidence: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_wrong(self) -> bool:
        return self.state in ("warn", "fail")


def finding(code: str, state: State | None = None, **evidence: str | int) -> Finding:
    """A finding with the words of its code; the state is that of the table unless given."""
    text = TEXTS[code]
    told = {key: _plain(str(value)) for key, value in evidence.items()}
    return Finding(
        code=code,
        state=state or text.state,
        title_pt=_filled(text.title_pt, told),
        what_to_do_pt=_filled(text.what_to_do_pt, told),
        title_en=_filled(text.title_en, told),
        what_to_do_en=_filled(text.what_to_do_en, told),
        evidence=told,
    )


def codes_to_tell(findings: Iterable[Finding]) -> tuple[str, ...]:
    """The codes of what is wrong, sorted and once each: for the enrolment."""
    return tuple(sorted({one.code for one in findings if one.is_wrong}))


def _plain(text: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:MOST_EVIDENCE_CHARACTERS]


def _filled(template: str, evidence: Mapping[str, str]) -> str:
    return template.format_map(_Told(evidence))


class _Told(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"
