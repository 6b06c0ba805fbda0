"""Units: the municipality sent its lists, and a health unit is missing from what they hold.

Invariant: a unit is named by its CNES number only, and only where its lists arrived.
"""

from __future__ import annotations

from afluente.core.language import Message
from afluente.fleet.diagnosis.verdict import Finding, Rule, Situation
from afluente.fleet.diagnosis.view import SiteView, UnitFreshness

STALE_WORKDAYS = 5
LAG_WORKDAYS = 3
MOST_NAMED = 5

SITUATIONS = (
    Situation(
        "unit.stale",
        "unit",
        Message("uma unidade não enviou ao PEC do município", "a health unit did not send to the municipality's PEC"),
        "ask_unit",
        Message(
            "pedir que a unidade sincronize com o PEC central (ou confira a internet dela)",
            "ask for the unit to synchronise with the central PEC, or for its line to be checked",
        ),
        "o envio está em dia, mas a unidade de CNES {cnes} não manda produção ao PEC do município desde {newest}. Podem "
        "conferir a internet e a sincronização dela?",
    ),
    Situation(
        "unit.all_stale",
        "unit",
        Message("nenhuma unidade registra no PEC há dias", "no unit has recorded anything in PEC for days"),
        "ask_unit",
        Message(
            "perguntar se as unidades usam outro sistema, ou se este PEC ainda é o de produção",
            "ask whether the units use another system, or whether this PEC is still the real one",
        ),
        "o envio está em dia, mas o PEC não recebe produção nova de nenhuma unidade desde {newest}. Este ainda é o PEC de "
        "produção? As unidades estão sincronizando?",
    ),
)


def stale_units(view: SiteView) -> Finding | None:
    """Units whose newest day lags behind the freshest unit, or all of them behind the calendar."""
    if not view.sent_lists or not view.units:
        return None
    freshest = min(unit.workdays_behind for unit in view.units)
    if freshest >= STALE_WORKDAYS:
        newest = max(unit.newest for unit in view.units)
        evidence = {"newest": f"{newest:%d/%m/%Y}", "units": str(len(view.units)), "workdays": str(freshest)}
        return Finding("unit.all_stale", 0.75, evidence)
    stale = [
        unit
        for unit in view.units
        if unit.workdays_behind >= STALE_WORKDAYS and unit.workdays_behind - freshest >= LAG_WORKDAYS
    ]
    if not stale:
        return None
    stale.sort(key=_worst)
    named = ", ".join(unit.cnes for unit in stale[:MOST_NAMED])
    worst = stale[0]
    evidence = {
        "cnes": named,
        "newest": f"{worst.newest:%d/%m/%Y}",
        "workdays": str(worst.workdays_behind),
        "units": f"{len(stale)}/{len(view.units)}",
    }
    return Finding("unit.stale", 0.85 if worst.workdays_behind >= 2 * STALE_WORKDAYS else 0.75, evidence)


def _worst(unit: UnitFreshness) -> tuple[int, str]:
    return -unit.workdays_behind, unit.cnes


RULES = (Rule("unit.stale", 700, stale_units),)
