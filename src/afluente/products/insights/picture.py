"""What every picture is made of: its frame, its data, and money short enough for a label.

Invariant: a spec holds its data and its whole look; nothing outside it decides how it is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from afluente.core.language import Language, Message
from afluente.products.insights.look import SCHEMA, config
from afluente.products.insights.say import number
from afluente.state.json_value import Json

WIDTH = 460
HEIGHT = 220
MILLION = Decimal(1_000_000)
THOUSAND = Decimal(1_000)
_LEAST_SHORT = Decimal(10_000)

Spec = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Picture:
    """A spec with the name of its file and the sentence that says what it shows to who does not see it."""

    name: str
    alt: str
    spec: Spec


def short_money(value: Decimal, language: Language) -> str:
    """`1,24 mi`, `38,1 mil` or `812`."""
    sign = "−" if value < 0 else ""
    size = abs(value)
    if size >= MILLION:
        return f"{sign}{number(size / MILLION, language, places=2)} {'mi' if language == 'pt' else 'm'}"
    if size >= _LEAST_SHORT:
        return f"{sign}{number(size / THOUSAND, language, places=1)} {'mil' if language == 'pt' else 'k'}"
    return f"{sign}{number(size, language)}"


def framed(name: str, title: Message, subtitle: Message, language: Language, spec: Spec) -> Picture:
    said, below = title.say(language), subtitle.say(language)
    whole: Spec = {
        "$schema": SCHEMA,
        "config": config(language),
        "width": WIDTH,
        "height": HEIGHT,
        "title": {"text": said, "subtitle": below},
        **spec,
    }
    return Picture(name, f"{said}. {below}", whole)


def values_of(rows: Sequence[Spec]) -> Spec:
    return {"values": list(rows)}


def names_of(rows: Sequence[Spec], field: str) -> list[Json]:
    return list(dict.fromkeys(str(row[field]) for row in rows))
