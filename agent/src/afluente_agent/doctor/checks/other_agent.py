"""Is there another agent on this machine, or did this one come with a copied disk."""

from __future__ import annotations

from pathlib import Path

from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.situation import Situation
from afluente_agent.errors import SettingsError
from afluente_agent.protocol import fact_codes
from afluente_agent.settings import DataFolder, SettingsStore


def check(situation: Situation) -> list[Finding]:
    """The hub tells clones by their machine's id and answers it at the enrolment; that answer is repeated here."""
    found: list[Finding] = []
    if situation.settings.decision == "clone":
        found.append(finding(fact_codes.IDENTITY_CLONE, site=situation.settings.site_name or "?"))
    mine = _real(situation.folder.root)
    others = (one for one in situation.probes.data_folders if _real(one) != mine)
    found += [finding(fact_codes.AGENT_OTHER, folder=str(one)) for one in others if _is_agent(one)]
    return found or [finding("ok.other_agent")]


def _is_agent(folder: Path) -> bool:
    data = DataFolder(folder)
    if not data.settings.is_file():
        return False
    try:
        return SettingsStore(data).load().is_enrolled
    except SettingsError:
        return True


def _real(folder: Path) -> str:
    return str(folder.resolve())
