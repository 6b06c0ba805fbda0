"""Is PEC here, does it run, and are its credentials where they should be."""

from __future__ import annotations

from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.pec_place import services
from afluente_agent.doctor.situation import Situation


def check(situation: Situation) -> list[Finding]:
    """`pec.not_found` alone, or what is wrong with what was found."""
    places = situation.places()
    states = services(situation.probes)
    stopped = [finding("pec.stopped", service=name) for name, state in states.items() if not state.is_running]
    if not places:
        looked = ", ".join(str(one) for one in ([situation.pec] if situation.pec else situation.probes.pec_folders))
        return [finding("pec.not_found", folder=looked), *stopped]
    found = [*stopped]
    if len(places) > 1:
        found.append(finding("pec.several", folders=", ".join(str(one.folder) for one in places)))
    if not places[0].has_credentials:
        found.append(finding("pec.credentials_missing", file=str(places[0].credentials)))
    return found or [finding("ok.pec", folder=str(places[0].folder))]
