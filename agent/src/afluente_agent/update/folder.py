"""Where the updates of an agent live in its data folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class UpdateFolder:
    """Paths under the data folder `root`."""

    root: Path

    @property
    def versions(self) -> Path:
        return self.root / "versions"

    @property
    def home(self) -> Path:
        return self.root / "update"

    @property
    def pointer(self) -> Path:
        return self.home / "pointer.json"

    @property
    def pointer_lock(self) -> Path:
        return self.home / "pointer.lock"

    @property
    def apply_lock(self) -> Path:
        return self.home / "apply.lock"

    @property
    def watcher_lock(self) -> Path:
        return self.home / "watcher.lock"

    @property
    def trusted_root(self) -> Path:
        return self.home / "trusted-root.json"

    @property
    def metadata(self) -> Path:
        return self.home / "metadata"

    @property
    def downloads(self) -> Path:
        return self.home / "downloads"

    @property
    def health(self) -> Path:
        return self.home / "health.json"

    @property
    def bytecode(self) -> Path:
        return self.home / "bytecode"

    def version(self, version: str) -> Path:
        return self.versions / version
