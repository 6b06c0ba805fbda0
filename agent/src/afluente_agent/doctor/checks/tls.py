"""Is the secure connection the hub's own, or does somebody on the way open it.

Dates that look wrong because this machine's clock is wrong are a warning: the agent reckons with the hub's time.
"""

from __future__ import annotations

from dataclasses import replace

from afluente_agent.doctor.checks.clock import has_wrong_clock
from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.reach import intercepted
from afluente_agent.doctor.situation import Situation
from afluente_agent.protocol import fact_codes


def check(situation: Situation) -> list[Finding]:
    reached = situation.reached()
    if reached is None:
        return [finding("doctor.later", check="conexão segura", first=fact_codes.NET_HUB_UNSET)]
    trouble, issuer = reached.trouble, reached.issuer
    if trouble is not None and trouble.code.startswith("net.tls_"):
        is_of_clock = trouble.code == fact_codes.NET_TLS_EXPIRED and has_wrong_clock(reached)
        return [replace(trouble, state="warn") if is_of_clock else trouble]
    if reached.target.scheme == "http":
        return [finding("ok.tls", issuer="-", scheme="http")]
    if issuer is None:
        return [
            finding("doctor.later", check="conexão segura", first=trouble.code if trouble else fact_codes.NET_TIMEOUT)
        ]
    expected = situation.expected_issuer
    if expected and issuer.fits(expected):
        return [finding("ok.tls", issuer=issuer.name)]
    if expected or issuer.product:
        return [intercepted(reached.target, issuer)]
    if issuer.is_authority:
        return [finding("ok.tls", issuer=issuer.name)]
    if situation.settings.ca_file:
        return [finding("ok.tls", issuer=issuer.name, trust="ca_file")]
    return [finding(fact_codes.NET_TLS_ISSUER_UNKNOWN, host=reached.target.host, issuer=issuer.name)]
