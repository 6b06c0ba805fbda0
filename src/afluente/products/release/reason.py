"""Why a release is warned of, held or refused.

Invariant: a reason names outputs, rules and cells, never a value; what a gate refuses cannot be approved, what a
guardrail or a contract holds can.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from afluente.core.language import Language

Action = Literal["warn", "hold", "refuse"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason. `cell` names what it is about, where there is something narrower than the output."""

    code: str
    action: Action
    message_pt: str
    message_en: str
    output: str = ""
    cell: str = ""

    def message(self, language: Language) -> str:
        return self.message_pt if language == "pt" else self.message_en

    def as_row(self) -> Mapping[str, str]:
        """As it is kept in the state."""
        return {
            "code": self.code,
            "action": self.action,
            "message_pt": self.message_pt,
            "message_en": self.message_en,
            "output": self.output,
            "cell": self.cell,
        }


def read_reason(row: Mapping[str, str]) -> Reason:
    action: Action = "hold" if row["action"] == "hold" else "refuse" if row["action"] == "refuse" else "warn"
    return Reason(row["code"], action, row["message_pt"], row["message_en"], row["output"], row["cell"])


def has_action(reasons: Iterable[Reason], action: Action) -> bool:
    return any(reason.action == action for reason in reasons)
