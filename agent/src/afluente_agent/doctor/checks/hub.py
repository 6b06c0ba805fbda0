"""Does the hub answer, and if not, what stands between."""

from __future__ import annotations

from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.situation import Situation

OF_OTHER_CHECKS = ("net.dns", "net.proxy", "net.tls_intercepted", "net.tls_expired", "net.tls_name", "net.tls_failed")


def check(situation: Situation) -> list[Finding]:
    reached = situation.reached()
    if reached is None:
        return [finding("net.hub_unset")]
    trouble = reached.trouble
    if trouble is None:
        milliseconds = int(reached.seconds * 1000)
        return [finding("ok.hub", host=reached.target.host, status=reached.status, milliseconds=milliseconds)]
    if trouble.code in OF_OTHER_CHECKS:
        return [finding("doctor.later", check="servidor da transmissão", first=trouble.code)]
    return [trouble]
