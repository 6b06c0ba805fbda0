"""What the checks share: the settings, the probes, and two looks that are taken once: at PEC's place and at the hub.

Invariant: a shared look is taken by the check that comes first and waited for by the others.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

from afluente_agent.doctor import proxies
from afluente_agent.doctor.pec_place import Place, find_places, told_place
from afluente_agent.doctor.probes import Probes
from afluente_agent.doctor.reach import Reached, Target, reach
from afluente_agent.settings import DataFolder, Settings

INTERNET_SETTINGS = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings"


@dataclass
class Situation:
    """`pec` is the folder that somebody gave, `expected_issuer` a part of the pinned issuer's name."""

    settings: Settings
    folder: DataFolder
    probes: Probes
    pec: Path | None = None
    expected_issuer: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _places_lock: threading.Lock = field(default_factory=threading.Lock)
    _reached: Reached | None = None
    _places: tuple[Place, ...] | None = None

    @property
    def target(self) -> Target | None:
        """Where the hub is; None when its address is not known."""
        return Target.of(self.settings.hub)

    def windows_proxy(self) -> proxies.WindowsProxy | None:
        """The Internet settings of Windows; None elsewhere or when they cannot be read."""
        if self.probes.system != "windows":
            return None
        text = self.probes.commands.run("reg", "query", INTERNET_SETTINGS)
        return proxies.parse_registry(text) if text is not None else None

    def reached(self) -> Reached | None:
        """The attempt to reach the hub; None when its address is not known."""
        with self._lock:
            target = self.target
            if self._reached is None and target is not None:
                proxy = proxies.choose(
                    target.scheme,
                    target.host,
                    setting=self.settings.proxy,
                    environment=self.probes.environment,
                    windows=self.windows_proxy(),
                )
                self._reached = reach(target, proxy, self.probes, ca_file=self.settings.ca_file)
            return self._reached

    def places(self) -> tuple[Place, ...]:
        """The installation that was told, else those that are found."""
        with self._places_lock:
            if self._places is None:
                self._places = self._look_for_places()
            return self._places

    @property
    def told_folder(self) -> Path | None:
        """PEC's folder as somebody gave it, now or at the installation."""
        kept = self.settings.pec_folder
        return self.pec or (Path(kept) if kept else None)

    def _look_for_places(self) -> tuple[Place, ...]:
        told = told_place(self.settings) if self.pec is None else None
        if told is not None:
            return (told,)
        found = find_places(self.probes, self.told_folder) or find_places(self.probes)
        file = self.settings.pec_credentials
        return tuple(replace(one, credentials=Path(file)) for one in found) if file else found
