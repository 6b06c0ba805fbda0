"""What a power cut leaves of a folder: what was forced to the disk stays, and of the rest chance takes what it may.

Invariant: content and names that the ledger holds are there afterwards, but for those that were changed since and whose
change came through; a rename is there whole or not at all.
"""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class PowerCut:
    """Takes from one folder. `taken` counts what was lost, by kind."""

    ledger: Path
    chance: random.Random
    taken: Counter[str] = field(default_factory=Counter)
    _gone: dict[int, tuple[Path, str]] = field(default_factory=dict)

    def strike(self, folder: Path) -> Counter[str]:
        self._look(folder)
        self._fold(folder)
        return self.taken

    def _look(self, folder: Path) -> None:
        """Find the names that were forced and are no longer there: removed, or renamed to somewhere."""
        present = {path.name for path in folder.iterdir()}
        for name, (number, _) in self._names(folder.stat().st_ino).items():
            if name not in present:
                self._gone[number] = (folder, name)
        for path in folder.iterdir():
            if path.is_dir():
                self._look(path)

    def _fold(self, folder: Path) -> None:
        forced = self._names(folder.stat().st_ino)
        present = {path.name: path.stat().st_ino for path in folder.iterdir()}
        for name, number in present.items():
            path = folder / name
            known = forced.get(name)
            if (known is None or known[0] != number) and self._is_undone(path, number, known):
                continue
            if path.is_dir():
                self._fold(path)
            else:
                self._tear(path, number)
        for name, (number, is_folder) in forced.items():
            if name not in present and number in self._gone and self._is_lucky():
                self._bring_back(folder / name, number, is_folder=is_folder)

    def _is_undone(self, path: Path, number: int, before: tuple[int, bool] | None) -> bool:
        """A name that was made, or given to something else, and not forced: it may be as it was before."""
        old = self._gone.pop(number, None)
        if self._is_lucky():
            return False
        if old is not None:
            place, name = old
            path.rename(place / name)
            if (place / name).is_file():
                self._tear(place / name, number)
            self.taken["rename"] += 1
        elif path.is_dir():
            shutil.rmtree(path)
            self.taken["folder"] += 1
        else:
            path.unlink()
            self.taken["name"] += 1
        if before is not None:
            self._bring_back(path, before[0], is_folder=before[1])
        return True

    def _bring_back(self, path: Path, number: int, *, is_folder: bool) -> None:
        """What was removed and whose removal was not forced."""
        self._gone.pop(number, None)
        if not is_folder:
            content = self._content(number)
            if content is not None and not path.exists():
                path.write_bytes(content)
                path.chmod(0o600)
                self.taken["removal"] += 1
            return
        if path.exists():
            return
        path.mkdir(mode=0o700)
        for name, (inner, is_inner_folder) in self._names(number).items():
            self._bring_back(path / name, inner, is_folder=is_inner_folder)

    def _tear(self, path: Path, number: int) -> None:
        """Of what was written and not forced: all, a part, zeros in its place, or nothing."""
        forced, now = self._content(number), path.read_bytes()
        if forced == now:
            return
        if forced is not None and forced.startswith(now):
            self._write(path, self.chance.choice([forced, now]))
            return
        base = forced if forced is not None and now.startswith(forced) else b""
        tail = now[len(base) :]
        kept = tail[: self.chance.randint(0, len(tail))]
        zeros = bytes(len(tail) - len(kept))
        self._write(path, base + self.chance.choice([b"", kept, kept + zeros, tail]))

    def _write(self, path: Path, content: bytes) -> None:
        if content != path.read_bytes():
            path.write_bytes(content)
            self.taken["content"] += 1

    def _is_lucky(self) -> bool:
        return self.chance.random() < 0.5

    def _names(self, number: int) -> dict[str, tuple[int, bool]]:
        path = self.ledger / "folders" / str(number)
        if not path.exists():
            return {}
        return {name: (inner, is_folder) for name, (inner, is_folder) in json.loads(path.read_text()).items()}

    def _content(self, number: int) -> bytes | None:
        path = self.ledger / "files" / str(number)
        return path.read_bytes() if path.exists() else None
