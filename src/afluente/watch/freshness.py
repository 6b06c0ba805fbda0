"""How old the newest data is."""

from __future__ import annotations

from datetime import datetime

from afluente.watch.checks import Freshness, Outcome, breach, figure


def check_freshness(check: Freshness, *, at: datetime) -> Outcome:
    if check.newest is None:
        return Outcome(
            check.name,
            "freshness",
            check.subject,
            check.metric,
            breach(check.on_breach),
            f"{check.subject} não tem dado nenhum",
            f"{check.subject} has no data at all",
            {"age_hours": None, "max_age_hours": check.max_age_hours},
        )
    age_hours = (at - check.newest).total_seconds() / 3600
    is_old = age_hours > check.max_age_hours
    said = {"pt": figure(round(age_hours, 1), "pt"), "en": figure(round(age_hours, 1), "en")}
    limit = {"pt": figure(check.max_age_hours, "pt"), "en": figure(check.max_age_hours, "en")}
    return Outcome(
        check.name,
        "freshness",
        check.subject,
        check.metric,
        breach(check.on_breach) if is_old else "passed",
        f"o dado mais novo de {check.subject} tem {said['pt']} h; o limite é {limit['pt']} h",
        f"the newest data of {check.subject} is {said['en']} h old; the limit is {limit['en']} h",
        {"age_hours": age_hours, "max_age_hours": check.max_age_hours},
    )
