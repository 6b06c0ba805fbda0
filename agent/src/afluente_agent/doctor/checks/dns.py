"""Does the hub's name resolve."""

from __future__ import annotations

from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.situation import Situation
from afluente_agent.protocol import fact_codes


def check(situation: Situation) -> list[Finding]:
    reached = situation.reached()
    if reached is None:
        return [finding("doctor.later", check="DNS", first=fact_codes.NET_HUB_UNSET)]
    trouble = reached.trouble
    if trouble is not None and trouble.code == fact_codes.NET_DNS:
        return [trouble]
    if trouble is not None and trouble.code == fact_codes.NET_UNREACHABLE:
        return [finding("doctor.later", check="DNS", first=trouble.code)]
    by = f"proxy {reached.proxy.address}" if reached.proxy is not None else "DNS"
    return [finding("ok.dns", host=reached.target.host, by=by)]
