"""Is this machine's clock the hub's, within the tolerance of signed requests.

A warning only: the agent reckons with the hub's time, and works while the clock is wrong.
"""

from __future__ import annotations

from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.reach import Reached
from afluente_agent.doctor.situation import Situation
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.limits import CLOCK_TOLERANCE_SECONDS

UNITS = ((31_536_000, "anos"), (86_400, "dias"), (3_600, "horas"), (60, "minutos"))


def check(situation: Situation) -> list[Finding]:
    reached = situation.reached()
    if reached is None:
        return [finding("doctor.later", check="relógio", first=fact_codes.NET_HUB_UNSET)]
    if reached.hub_time is None:
        first = reached.trouble.code if reached.trouble is not None else fact_codes.NET_BLOCKED
        return [finding("doctor.later", check="relógio", first=first)]
    offset = round(reached.seen_at - reached.hub_time)
    if not has_wrong_clock(reached):
        return [finding("ok.clock", offset_seconds=offset)]
    direction = "adiantado" if offset > 0 else "atrasado"
    return [finding(fact_codes.CLOCK_OFFSET, offset_seconds=offset, direction=direction, amount=in_words(abs(offset)))]


def has_wrong_clock(reached: Reached) -> bool:
    """Whether the hub's answer says that this machine's clock is wrong."""
    return reached.hub_time is not None and abs(reached.seen_at - reached.hub_time) > CLOCK_TOLERANCE_SECONDS


def in_words(seconds: int) -> str:
    """A length of time in the largest unit that gives about two or more."""
    for size, name in UNITS:
        if seconds >= 1.9 * size:
            return f"{(seconds + size // 2) // size} {name}"
    return f"{seconds} segundos"
