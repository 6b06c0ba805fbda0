"""Does the hub answer, and if not, what stands between."""

from __future__ import annotations

from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.situation import Situation
from afluente_agent.protocol import fact_codes

OF_OTHER_CHECKS = (
    fact_codes.NET_DNS,
    fact_codes.NET_PROXY,
    fact_codes.NET_TLS_INTERCEPTED,
    fact_codes.NET_TLS_EXPIRED,
    fact_codes.NET_TLS_NAME,
    fact_codes.NET_TLS_FAILED,
)


def check(situation: Situation) -> list[Finding]:
    reached = situation.reached()
    if reached is None:
        return [finding(fact_codes.NET_HUB_UNSET)]
    trouble = reached.trouble
    if trouble is None:
        milliseconds = int(reached.seconds * 1000)
        return [finding("ok.hub", host=reached.target.host, status=reached.status, milliseconds=milliseconds)]
    if trouble.code in OF_OTHER_CHECKS:
        return [finding("doctor.later", check="servidor da transmissão", first=trouble.code)]
    return [trouble]
