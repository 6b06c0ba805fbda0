"""How an installation stands, as `afluente-agent status` tells it.

Invariant: read from the data folder alone; no network, no key, nothing of a person.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from afluente_agent import __version__
from afluente_agent.clock_offset import HubClock
from afluente_agent.errors import JournalError
from afluente_agent.facts import Journal
from afluente_agent.settings import DataFolder, SettingsStore


@dataclass(frozen=True, slots=True)
class Status:
    """Times are the hub's, in seconds; 0 is never. `alive_at` is when the service last ran."""

    version: str
    folder: str
    is_enrolled: bool
    site: str
    site_name: str
    decision: str
    hub: str
    clock_offset_seconds: int
    alive_at: int
    last_extracted_at: int
    last_sent_at: int
    pec_version: str
    facts_waiting: int

    def as_json(self) -> dict[str, object]:
        return asdict(self)

    def lines_pt(self) -> list[str]:
        if not self.is_enrolled:
            return [f"afluente-agent {self.version}: esta máquina ainda não está registrada."]
        return [
            f"afluente-agent {self.version}",
            f"Município: {self.site_name} ({self.site})",
            f"Hub: {self.hub}",
            f"Serviço ativo pela última vez: {_moment(self.alive_at)}",
            f"Última leitura do PEC: {_moment(self.last_extracted_at)}",
            f"Último envio: {_moment(self.last_sent_at)}",
            f"Versão do PEC: {self.pec_version or 'ainda não lida'}",
            f"Diferença do relógio: {self.clock_offset_seconds} s",
            f"Avisos a enviar: {self.facts_waiting}",
        ]


def read_status(folder: DataFolder) -> Status:
    """The status of a folder. SettingsError."""
    settings = SettingsStore(folder).load()
    waiting = 0
    if folder.journal.exists():
        try:
            waiting = Journal(folder.journal, clock=HubClock(time.time)).waiting()
        except JournalError:
            waiting = -1
    return Status(
        version=__version__,
        folder=str(folder.root),
        is_enrolled=settings.is_enrolled,
        site=settings.site,
        site_name=settings.site_name,
        decision=settings.decision,
        hub=settings.hub,
        clock_offset_seconds=settings.clock_offset_seconds,
        alive_at=_alive_at(folder),
        last_extracted_at=settings.last_extracted_at,
        last_sent_at=settings.last_sent_at,
        pec_version=settings.pec_version,
        facts_waiting=waiting,
    )


def _alive_at(folder: DataFolder) -> int:
    try:
        return int((folder.root / "alive").read_text(encoding="ascii").split(" ", 1)[0])
    except (OSError, ValueError):
        return 0


def _moment(seconds: int) -> str:
    if not seconds:
        return "nunca"
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%d/%m/%Y %H:%M")
