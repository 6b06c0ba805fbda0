"""Is there a proxy on the way, and does it let the connection through.

Before the installation the doctor runs as a person, whose proxy the service would not see: then it has to be told.
"""

from __future__ import annotations

from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.situation import Situation
from afluente_agent.protocol import fact_codes


def check(situation: Situation) -> list[Finding]:
    windows = situation.windows_proxy()
    script = windows.script if windows is not None else ""
    found = (
        [finding(fact_codes.NET_PROXY_AUTOMATIC, script=_without_user(script))]
        if script and not _is_set(situation)
        else []
    )
    reached = situation.reached()
    if reached is None:
        return found or [finding("doctor.later", check="proxy", first=fact_codes.NET_HUB_UNSET)]
    if reached.trouble is not None and reached.trouble.code == fact_codes.NET_PROXY:
        return [reached.trouble, *found]
    proxy = reached.proxy
    if proxy is not None and not _is_set(situation) and not situation.settings.is_enrolled:
        found.append(finding(fact_codes.NET_PROXY_OF_USER, proxy=proxy.address, origin=proxy.origin))
    way = f"pelo proxy {proxy.address} ({proxy.origin})" if proxy is not None else "direto, sem proxy"
    return found or [finding("ok.proxy", way=way)]


def _is_set(situation: Situation) -> bool:
    return bool(situation.settings.proxy)


def _without_user(address: str) -> str:
    scheme, mark, rest = address.rpartition("://")
    return scheme + mark + rest.split("?", 1)[0].rpartition("@")[2]
