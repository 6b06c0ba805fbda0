"""Messages that people outside the team read exist in Portuguese and in English."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Language = Literal["pt", "en"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message in both languages; `{}` fields are filled by `str.format`."""

    pt: str
    en: str

    def say(self, language: Language, **values: object) -> str:
        text = self.pt if language == "pt" else self.en
        return text.format(**values) if values else text
