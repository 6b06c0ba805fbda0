"""The doctor as the commands and the remedy call it.

Invariant: loaded only when asked for; what it found never stops anything but an installation, and that only by what an
installation does not mend itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from afluente_agent.errors import SettingsError
from afluente_agent.facts import Leave
from afluente_agent.settings import DataFolder, Settings, SettingsStore

if TYPE_CHECKING:
    from afluente_agent.doctor.finding import Finding

MENDED_BY_INSTALLING = ("service.", "task.")


def diagnose(folder: DataFolder, *, hub: str = "", proxy: str | None = None) -> list[Finding]:
    """What the doctor finds; what is not given is taken from the settings, and broken ones are a finding."""
    from afluente_agent.doctor.run import run_checks

    try:
        settings = SettingsStore(folder).load()
    except SettingsError:
        settings = Settings()
    settings = replace(settings, hub=hub or settings.hub, proxy=settings.proxy if proxy is None else proxy)
    return run_checks(settings, folder=folder, pec=Path(settings.pec_folder) if settings.pec_folder else None)


def leave_findings(findings: Sequence[Finding], leave: Leave) -> tuple[str, ...]:
    """Leave what is wrong as facts; the codes, sorted and once each."""
    from afluente_agent.doctor.finding import codes_to_tell

    for one in findings:
        if one.is_wrong:
            leave(one.code, **one.evidence)
    return codes_to_tell(findings)


def stops_installation(findings: Sequence[Finding]) -> bool:
    """Whether something has to be put right by somebody before the agent can work here."""
    return any(one.state == "fail" and not one.code.startswith(MENDED_BY_INSTALLING) for one in findings)
