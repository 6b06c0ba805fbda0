"""Does the hub's name resolve."""

from __future__ import annotations

from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.situation import Situation


def check(situation: Situation) -> list[Finding]:
    reached = situation.reached()
    if reached is None:
        return [finding("doctor.later", check="DNS", first="net.hub_unset")]
    trouble = reached.trouble
    if trouble is not None and trouble.code == "net.dns":
        return [trouble]
    if trouble is not None and trouble.code == "net.unreachable":
        return [finding("doctor.later", check="DNS", first=trouble.code)]
    by = f"proxy {reached.proxy.address}" if reached.proxy is not None else "DNS"
    return [finding("ok.dns", host=reached.target.host, by=by)]
