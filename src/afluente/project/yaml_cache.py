"""Trees of files that were found without mistakes, kept so that reading a project again is fast.

Invariant: an entry is used only when the file's text, this version and the contracts' JSON schema are the same;
a cache that cannot be read or written is as good as none. No substituted variable is ever kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from afluente import __version__
from afluente.project.yaml_node import Json, Node, decode, encode

CACHE_FILE = ".afluente/cache/project.json"
EPOCH = 1


def sha256(content: bytes) -> str:
    """The lower-case hexadecimal digest of a file's bytes."""
    return hashlib.sha256(content).hexdigest()


class YamlCache:
    """The cache of the project under `root`."""

    def __init__(self, root: Path) -> None:
        self._path = root / CACHE_FILE
        self._stamp = _stamp()
        self._old = self._read()
        self._new: dict[str, list[Json]] = {}

    def get(self, digest: str) -> Node | None:
        """The tree of the text with this digest; None when it is not known."""
        entry = self._old.get(digest)
        if not isinstance(entry, list):
            return None
        try:
            node = decode(entry)
        except (TypeError, ValueError):
            return None
        self._new[digest] = entry
        return node

    def __contains__(self, digest: str) -> bool:
        return digest in self._new

    def put(self, digest: str, node: Node) -> None:
        """Keep the tree of a text without mistakes."""
        self._new[digest] = encode(node)

    def save(self) -> None:
        """Write what this reading used, when it differs from what was there."""
        if self._new.keys() == self._old.keys():
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix="project-", suffix=".tmp")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump({"stamp": self._stamp, "trees": self._new}, file, separators=(",", ":"))
                Path(name).replace(self._path)
            except OSError:
                Path(name).unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(kept, dict) or kept.get("stamp") != self._stamp or not isinstance(kept.get("trees"), dict):
            return {}
        trees: dict[str, Any] = kept["trees"]
        return trees


def _stamp() -> str:
    """What a tree's rightness depends on besides its text. The schema is told by its file, not by imports."""
    package = importlib.util.find_spec("open_data_contract_standard")
    schema = ""
    if package is not None and package.origin is not None:
        with contextlib.suppress(OSError):
            status = Path(package.origin).with_name("schema.json").stat()
            schema = f"{status.st_size}-{status.st_mtime_ns}"
    return f"{__version__}/{EPOCH}/{schema}"
