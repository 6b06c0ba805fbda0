"""How much there is, against fixed limits, the last comparable figure, or the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from afluente.watch.anomaly import Judged, judge
from afluente.watch.baseline import expect
from afluente.watch.calendar_days import is_holiday
from afluente.watch.checks import Outcome, Volume, breach, figure
from afluente.watch.observations import Point


def check_volume(check: Volume, known: Sequence[Point]) -> Outcome:
    past = [point for point in known if point.at < check.at]
    limited = _against_limits(check)
    if limited is not None:
        return limited
    if check.max_change_percent is not None:
        return _against_last(check, past, check.max_change_percent)
    point = Point(check.at, check.value)
    judged = Judged(point, expect(point, past, is_holiday=partial(is_holiday, state=check.state)))
    return judge([judged], check.name, check.subject, check.metric, check.on_breach, z=check.z, kind="volume")


def _against_limits(check: Volume) -> Outcome | None:
    if check.minimum is not None and check.value < check.minimum:
        limit, words = check.minimum, ("o mínimo", "the minimum")
    elif check.maximum is not None and check.value > check.maximum:
        limit, words = check.maximum, ("o máximo", "the maximum")
    else:
        return None
    return Outcome(
        check.name,
        "volume",
        check.subject,
        check.metric,
        breach(check.on_breach),
        f"{check.metric} de {check.subject} é {figure(check.value, 'pt')}; {words[0]} é {figure(limit, 'pt')}",
        f"{check.metric} of {check.subject} is {figure(check.value, 'en')}; {words[1]} is {figure(limit, 'en')}",
        {"value": check.value, "limit": limit},
    )


def _against_last(check: Volume, past: Sequence[Point], max_change_percent: float) -> Outcome:
    wanted = (check.at - timedelta(days=check.comparable_days)).date()
    comparable = [point for point in past if not check.comparable_days or point.at.date() == wanted]
    if not comparable:
        return Outcome(
            check.name,
            "volume",
            check.subject,
            check.metric,
            "untrained",
            f"{check.metric} de {check.subject} ainda não tem com que comparar",
            f"{check.metric} of {check.subject} has nothing to be compared with yet",
            {"value": check.value},
        )
    before = comparable[-1].value
    from_nothing = 0.0 if check.value == 0 else float("inf")
    percent = 100 * (check.value - before) / abs(before) if before else from_nothing
    is_off = not abs(percent) <= max_change_percent
    change = {"pt": _percent(percent, is_pt=True), "en": _percent(percent, is_pt=False)}
    return Outcome(
        check.name,
        "volume",
        check.subject,
        check.metric,
        breach(check.on_breach) if is_off else "passed",
        f"{check.metric} de {check.subject} é {figure(check.value, 'pt')}, e antes {figure(before, 'pt')} ({change['pt']}; "
        f"o limite é {figure(max_change_percent, 'pt')}%)",
        f"{check.metric} of {check.subject} is {figure(check.value, 'en')}, before {figure(before, 'en')} ({change['en']}; "
        f"the limit is {figure(max_change_percent, 'en')}%)",
        {"value": check.value, "before": before, "change_percent": percent if before else None},
    )


def _percent(percent: float, *, is_pt: bool) -> str:
    if percent == float("inf"):
        return "do nada" if is_pt else "from nothing"
    return f"{'+' if percent >= 0 else '-'}{figure(abs(round(percent, 1)), 'pt' if is_pt else 'en')}%"
