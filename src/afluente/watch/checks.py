"""What is checked before data goes out, as facts handed in, and what came of each check.

Invariant: a check and its outcome hold counts, sums, ages and names, never a value of a row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from afluente.core.language import Language
from afluente.state.quality_outcomes import QualityOutcome
from afluente.watch.observations import Point

CheckKind = Literal["freshness", "volume", "schema", "contract", "anomaly"]
OnBreach = Literal["warn", "hold"]
Status = Literal["passed", "untrained", "warned", "held"]
Schema: TypeAlias = "tuple[tuple[str, str], ...]"
"""Names and types of columns, in order."""

DEFAULT_Z = 5.0


@dataclass(frozen=True, slots=True)
class Freshness:
    """The age of the newest data. `newest` is None where there is none at all."""

    name: str
    subject: str
    on_breach: OnBreach
    newest: datetime | None
    max_age_hours: float
    metric: str = "age_hours"


@dataclass(frozen=True, slots=True)
class Volume:
    """How much there is, of the moment `at` (the period's beginning).

    With `max_change_percent` it is held against the last comparable figure: the one of `comparable_days` days before,
    or the last one for 0. Without it, against the baseline with `z`. `minimum` and `maximum` hold always. `history`
    are figures that the caller knows already; they join what was observed.
    """

    name: str
    subject: str
    on_breach: OnBreach
    metric: str
    at: datetime
    value: float
    max_change_percent: float | None = None
    comparable_days: int = 0
    minimum: float | None = None
    maximum: float | None = None
    z: float = DEFAULT_Z
    state: str = ""
    history: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class SchemaCheck:
    """Columns and types as they are against those of the last release or the contract."""

    name: str
    subject: str
    on_breach: OnBreach
    found: Schema
    expected: Schema
    allows_new_columns: bool = False


@dataclass(frozen=True, slots=True)
class ContractCheck:
    """The outcomes of a contract's rules. A failed rule of severity error breaches as asked, any other only warns."""

    name: str
    subject: str
    on_breach: OnBreach
    outcomes: tuple[QualityOutcome, ...]


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Figures against their own baseline: median and MAD, by weekday, day of month and holidays of `state`.

    `points` are the new figures (one, or a day each). `history` are older ones that the caller knows already; they
    join what was observed, which stands where both tell of one moment.
    """

    name: str
    subject: str
    on_breach: OnBreach
    metric: str
    points: tuple[Point, ...]
    z: float = DEFAULT_Z
    state: str = ""
    has_optional_holidays: bool = True
    history: tuple[Point, ...] = ()


Check: TypeAlias = "Freshness | Volume | SchemaCheck | ContractCheck | Anomaly"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a check ended. `untrained` passes: there is too little history to say anything.

    `measured` are the numbers the message was made of.
    """

    check: str
    kind: CheckKind
    subject: str
    metric: str
    status: Status
    message_pt: str
    message_en: str
    measured: Mapping[str, float | str | None] = field(default_factory=dict)

    @property
    def is_breach(self) -> bool:
        return self.status in ("warned", "held")

    def message(self, language: Language) -> str:
        return self.message_pt if language == "pt" else self.message_en


def breach(on_breach: OnBreach) -> Status:
    return "held" if on_breach == "hold" else "warned"


def figure(value: float, language: Language) -> str:
    """A number as it is written in each language, without more digits than it needs."""
    if not math.isfinite(value):
        return "?"
    digits = 0 if abs(value) >= 1000 or value == int(value) else 2
    text = f"{value:,.{digits}f}"
    return text.translate(str.maketrans(",.", ".,")) if language == "pt" else text
