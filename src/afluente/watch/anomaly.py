"""Figures that leave their own pattern.

Invariant: a figure without enough history passes as untrained, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Literal

from afluente.core.language import Language
from afluente.watch.baseline import Baseline, IsHoliday, Season, Untrained, expect
from afluente.watch.calendar_days import is_holiday
from afluente.watch.checks import Anomaly, OnBreach, Outcome, breach, figure
from afluente.watch.observations import Point

SEASONS: dict[Season, tuple[str, str]] = {
    "none": ("os dados anteriores", "what came before"),
    "weekday": ("o mesmo dia da semana", "the same weekday"),
    "day_of_month": ("o mesmo dia do mês", "the same day of the month"),
    "weekday+day_of_month": ("o mesmo dia da semana e do mês", "the same weekday and day of the month"),
    "holiday": ("outros feriados", "other holidays"),
}
MOST_DAYS_TOLD = 3


@dataclass(frozen=True, slots=True)
class Judged:
    """A point with what was expected of it."""

    point: Point
    baseline: Baseline | Untrained

    def is_off(self, z: float) -> bool:
        """Whether it is further off than `z` spreads; a figure that is no number always is."""
        return isinstance(self.baseline, Baseline) and not abs(self.baseline.z) <= z


def check_anomaly(check: Anomaly, known: Sequence[Point]) -> Outcome:
    """Hold each new figure against those before it; figures that are off do not become part of the next's baseline."""
    holiday: IsHoliday = partial(is_holiday, state=check.state, has_optional=check.has_optional_holidays)
    judged: list[Judged] = []
    trusted = list(known)
    for point in sorted(check.points, key=lambda one: one.at):
        one = Judged(point, expect(point, trusted, is_holiday=holiday))
        judged.append(one)
        if not one.is_off(check.z):
            trusted.append(point)
    return judge(judged, check.name, check.subject, check.metric, check.on_breach, z=check.z, kind="anomaly")


def judge(
    judged: Sequence[Judged],
    name: str,
    subject: str,
    metric: str,
    on_breach: OnBreach,
    *,
    z: float,
    kind: Literal["volume", "anomaly"],
) -> Outcome:
    """One outcome of several points: the worst of them speaks."""
    off = sorted((one for one in judged if one.is_off(z)), key=lambda one: -abs(_z(one)))
    trained = [one for one in judged if isinstance(one.baseline, Baseline)]
    if off:
        told = off[:MOST_DAYS_TOLD]
        rest = len(off) - len(told)
        pt = "; ".join(_tell(one, metric, "pt") for one in told) + (f"; e mais {rest}" if rest else "")
        en = "; ".join(_tell(one, metric, "en") for one in told) + (f"; and {rest} more" if rest else "")
        return Outcome(
            name, kind, subject, metric, breach(on_breach), f"{subject}: {pt}", f"{subject}: {en}", _measured(off[0])
        )
    if not trained:
        points = max((one.baseline.points for one in judged), default=0)
        is_holiday = any(isinstance(one.baseline, Untrained) and one.baseline.reason == "holidays" for one in judged)
        pt = f"{metric} de {subject} ainda não tem histórico {'de feriados ' if is_holiday else ''}que baste ({points})"
        en = f"{metric} of {subject} has too little history {'of holidays ' if is_holiday else ''}yet ({points})"
        return Outcome(name, kind, subject, metric, "untrained", pt, en, {"points": float(points)})
    worst = max(trained, key=lambda one: abs(_z(one)))
    return Outcome(
        name,
        kind,
        subject,
        metric,
        "passed",
        f"{metric} de {subject} está dentro do padrão",
        f"{metric} of {subject} is as expected",
        _measured(worst),
    )


def _z(one: Judged) -> float:
    return one.baseline.z if isinstance(one.baseline, Baseline) else 0.0


def _measured(one: Judged) -> dict[str, float | str | None]:
    assert isinstance(one.baseline, Baseline)
    return {
        "at": one.point.at.isoformat(),
        "value": one.point.value,
        "expected": one.baseline.expected,
        "z": one.baseline.z,
        "season": one.baseline.season,
        "points": float(one.baseline.points),
    }


def _tell(one: Judged, metric: str, language: Language) -> str:
    assert isinstance(one.baseline, Baseline)
    value, expected = figure(one.point.value, language), figure(one.baseline.expected, language)
    season = SEASONS[one.baseline.season][0 if language == "pt" else 1]
    day = _day(one.point.at.date(), language)
    times = figure(round(abs(one.baseline.z), 1), language)
    if language == "pt":
        return f"{metric} de {day} foi {value}, e {season} faria esperar cerca de {expected} ({times} desvios)"
    return f"{metric} of {day} was {value}, where {season} would make about {expected} ({times} deviations)"


def _day(day: date, language: Language) -> str:
    return f"{day:%d/%m/%Y}" if language == "pt" else day.isoformat()
