"""Faults of ours that only the sites can see: our name or our certificate, when nearly all of them tell of it at once.

Invariant: what a few sites tell is theirs; what nearly all tell on one day is ours, and blames none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from afluente.fleet.diagnosis.ours_rules import ALL_SILENT, LEAST_PEERS
from afluente.fleet.diagnosis.view import HubFault, SeenFact
from afluente_agent.protocol import fact_codes

OF_NAME_OR_CERTIFICATE = frozenset(
    (
        fact_codes.NET_DNS,
        fact_codes.NET_TLS_EXPIRED,
        fact_codes.NET_TLS_NAME,
        fact_codes.NET_TLS_INTERCEPTED,
    )
)
LASTS = timedelta(hours=2)
"""How long it is taken to last after the newest fact of it: agents that fail wait up to an hour before they try again."""


def shared_faults(
    facts: Mapping[str, Sequence[SeenFact]], *, sites: int, since: datetime, at: datetime
) -> tuple[HubFault, ...]:
    """The fault, if at least LEAST_PEERS and nearly all of `sites` told of it between `since` and `at`."""
    told = {
        site: moments
        for site, seen in facts.items()
        if site != fact_codes.ALL_SITES
        and (moments := [one.at for one in seen if one.code in OF_NAME_OR_CERTIFICATE and since <= one.at <= at])
    }
    if len(told) < max(LEAST_PEERS, ALL_SILENT * sites):
        return ()
    newest = max(max(moments) for moments in told.values())
    until = None if at - newest <= LASTS else newest
    evidence = {"sites": f"{len(told)}/{sites}"}
    return (HubFault(fact_codes.HUB_CERTIFICATE, min(min(moments) for moments in told.values()), until, evidence),)
