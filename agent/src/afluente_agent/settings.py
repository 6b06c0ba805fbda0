"""The data folder, and the state of the agent in its `settings.json`.

Invariant: the file is replaced whole and synced, under a lock, so that two processes never undo each other; what is
read is checked field by field; no key and no token stands in it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from afluente_agent import durable
from afluente_agent.errors import SettingsError
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.limits import CHUNK_BYTES, HEARTBEAT_SECONDS
from afluente_agent.protocol.messages import MessageError, from_json, to_json
from afluente_agent.schedule import WeekPlan

FOLDER_VARIABLE = "AFLUENTE_AGENT_HOME"
MOST_SETTINGS_BYTES = 256 * 1024
NO_PROXY = "none"


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Where everything of an agent lives."""

    root: Path

    @property
    def identity(self) -> Path:
        return self.root / "identity"

    @property
    def settings(self) -> Path:
        return self.root / "settings.json"

    @property
    def spool(self) -> Path:
        return self.root / "spool"

    @property
    def journal(self) -> Path:
        return self.root / "journal"

    @property
    def documents(self) -> Path:
        return self.root / "documents"

    @property
    def versions(self) -> Path:
        return self.root / "versions"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run_lock(self) -> Path:
        return self.root / "run.lock"


@dataclass(frozen=True, slots=True)
class Settings:
    """`proxy`: empty follows the system, `none` goes direct, else the address of one. `ca_file`: more
    authorities to trust (PEM). Times are the hub's, in seconds.

    The `pec_...` fields are empty where PEC is found
    by itself; `pec_credentials` is a file. `send_at` is HH:MM of the site's clock, empty for any hour; `week` is the plan
    that the hub learned, followed where `send_at` is empty. `configuration_base` is the version that operators
    published and that was taken last, by itself or within a configuration of the site's own. `remedy_outcomes` is what
    became of the last remedies by their ids, and `untold_remedies` those that no heartbeat told yet.
    """

    hub: str = ""
    proxy: str = ""
    ca_file: str = ""
    install_id: str = ""
    agent: str = ""
    site: str = ""
    site_name: str = ""
    decision: str = ""
    hub_keys: tuple[str, ...] = ()
    clock_offset_seconds: int = 0
    sequence: int = 0
    configuration_version: int = 0
    catalogue_version: int = 0
    heartbeat_seconds: int = HEARTBEAT_SECONDS
    chunk_bytes: int = CHUNK_BYTES
    most_bytes_per_second: int = 0
    send_at: str = ""
    week: WeekPlan = field(default_factory=WeekPlan)
    configuration_base: int = 0
    last_extracted_at: int = 0
    last_sent_at: int = 0
    pec_version: str = ""
    pec_folder: str = ""
    pec_host: str = ""
    pec_port: int = 0
    pec_database: str = ""
    pec_credentials: str = ""
    remedy_outcomes: Mapping[str, str] = field(default_factory=dict)
    untold_remedies: tuple[str, ...] = ()

    @property
    def is_enrolled(self) -> bool:
        return bool(self.agent)


def default_folder() -> DataFolder:
    """The folder named by the environment, else the system's place for data of services."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return DataFolder(Path(named))
    if sys.platform == "win32":
        return DataFolder(Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "afluente-agent")
    return DataFolder(Path("/var/lib/afluente-agent"))


class SettingsStore:
    """Reads and changes the settings of a folder."""

    def __init__(self, folder: DataFolder) -> None:
        self.folder = folder

    def load(self) -> Settings:
        """The settings; those of a new folder when there is no file. SettingsError.

        What a newer version wrote and this one does not know is passed over: after a rollback the agent keeps its site.
        """
        try:
            content = self.folder.settings.read_bytes()
        except FileNotFoundError:
            return Settings()
        except OSError as error:
            raise _unusable(self.folder, error) from None
        try:
            return from_json(Settings, content, max_bytes=MOST_SETTINGS_BYTES)
        except MessageError:
            raise SettingsError(
                fact_codes.FOLDER_SETTINGS_CHANGED,
                "o arquivo settings.json da pasta do agente não pode ser lido",
                "settings.json is not what the agent wrote",
                "Restaure o arquivo de uma cópia, ou apague-o e rode 'afluente-agent enrol' com um novo código.",
                evidence={"file": str(self.folder.settings)},
            ) from None

    def change(self, changed: Callable[[Settings], Settings]) -> Settings:
        """Read, change and write as one; nothing is written when nothing changed. SettingsError."""
        try:
            with durable.locked(self.folder.root / "settings.lock"):
                before = self.load()
                after = changed(before)
                if after != before:
                    durable.replace(self.folder.settings, to_json(after))
        except OSError as error:
            raise _unusable(self.folder, error) from None
        return after

    def update(self, **fields: object) -> Settings:
        """Change fields by name."""
        return self.change(lambda settings: replace(settings, **fields))  # type: ignore[arg-type]


def _unusable(folder: DataFolder, error: OSError) -> SettingsError:
    reason = error.strerror or type(error).__name__
    is_full = durable.is_disk_full(error)
    return SettingsError(
        fact_codes.DISK_FULL if is_full else fact_codes.FOLDER_NOT_WRITABLE,
        f"a pasta de dados {folder.root} não pode ser lida ou escrita",
        f"the data folder cannot be used: {reason}",
        "Rode como administrador (Windows) ou com sudo (Linux), e confira espaço e permissão da pasta.",
        evidence={"where" if is_full else "folder": str(folder.root), "reason": reason},
    )
