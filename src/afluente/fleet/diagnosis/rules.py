"""All situations and all rules, in their order, and the judgement.

Invariant: `judge` is pure and always answers; of two rules that find something the earlier one wins, and what explains
others stands earlier: ours, then what was changed on site, then the line, then the calendar, then mere silence.
"""

from __future__ import annotations

from types import MappingProxyType

from afluente.fleet.diagnosis import (
    connectivity,
    inactivity,
    inactivity_rules,
    maintenance,
    maintenance_causes,
    ours,
    ours_rules,
    units,
)
from afluente.fleet.diagnosis.verdict import Rule, Situation, Verdict, worded
from afluente.fleet.diagnosis.view import SiteView

SITUATIONS: MappingProxyType[str, Situation] = MappingProxyType(
    {
        situation.code: situation
        for part in (connectivity, maintenance, inactivity, units, ours)
        for situation in part.SITUATIONS
    }
)
RULES: tuple[Rule, ...] = tuple(
    sorted(
        (*connectivity.RULES, *maintenance_causes.RULES, *inactivity_rules.RULES, *units.RULES, *ours_rules.RULES),
        key=lambda rule: (rule.priority, rule.name),
    )
)


def judge(view: SiteView) -> Verdict | None:
    """Why the site did not send, or what fails there; None when there is nothing to tell."""
    for rule in RULES:
        finding = rule.judge(view)
        if finding is not None:
            return worded(finding, SITUATIONS[finding.code], view)
    return None
