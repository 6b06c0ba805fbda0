"""Is PEC here, does it run, and are its credentials where they should be."""

from __future__ import annotations

from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.pec_place import DATABASE_SERVICE, services
from afluente_agent.doctor.situation import Situation
from afluente_agent.protocol import fact_codes


def check(situation: Situation) -> list[Finding]:
    """What is wrong with what was found. Lists are read while PEC's own program stands still, not without its database."""
    places = situation.places()
    states = services(situation.probes)
    stopped = [
        finding(fact_codes.PEC_STOPPED, "fail" if name == DATABASE_SERVICE else "warn", service=name)
        for name, state in states.items()
        if not state.is_running
    ]
    told = situation.told_folder
    if not places:
        looked = [told] if told is not None else situation.probes.pec_folders
        return [finding(fact_codes.PEC_NOT_FOUND, folder=", ".join(str(one) for one in looked)), *stopped]
    place, found = places[0], [*stopped]
    if told is not None and place.folder not in (told, None):
        found.append(finding(fact_codes.PEC_FOLDER_MOVED, before=str(told), now=place.name))
    if len(places) > 1:
        found.append(finding(fact_codes.PEC_SEVERAL, folders=", ".join(one.name for one in places)))
    if not place.has_credentials:
        found.append(finding(fact_codes.PEC_CREDENTIALS_MISSING, file=str(place.credentials)))
    return found or [finding("ok.pec", folder=place.name)]
