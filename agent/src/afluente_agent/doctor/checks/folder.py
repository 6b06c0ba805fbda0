"""Can the agent write in its folder, and are its settings as it wrote them."""

from __future__ import annotations

import errno

from afluente_agent import durable
from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.situation import Situation
from afluente_agent.errors import SettingsError
from afluente_agent.protocol import fact_codes
from afluente_agent.settings import SettingsStore


def check(situation: Situation) -> list[Finding]:
    folder = situation.folder
    found: list[Finding] = []
    try:
        situation.probes.disk.try_writing(folder.root)
    except OSError as error:
        found.append(_of_writing(error, str(folder.root)))
    try:
        SettingsStore(folder).load()
    except SettingsError as error:
        if error.code == fact_codes.FOLDER_SETTINGS_CHANGED:
            found.append(finding(fact_codes.FOLDER_SETTINGS_CHANGED, file=str(folder.settings)))
        elif not found:
            found.append(finding(fact_codes.FOLDER_NOT_WRITABLE, folder=str(folder.root), reason=error.code))
    return found or [finding("ok.folder", folder=str(folder.root))]


def _of_writing(error: OSError, folder: str) -> Finding:
    reason = error.strerror or type(error).__name__
    if durable.is_disk_full(error):
        return finding(fact_codes.DISK_FULL, where="dados do agente", free="0 MB", free_bytes=0, reason=reason)
    if error.errno == errno.EIO:
        return finding(fact_codes.DISK_ERROR, where=folder, reason=reason)
    return finding(fact_codes.FOLDER_NOT_WRITABLE, folder=folder, reason=reason)
