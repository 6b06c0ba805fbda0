"""What is remembered of files already landed, as the source's saved position.

    {"options": "<digest>", "files": {identity: {"size_bytes", "mtime_ns", "sha256", "same_as"}}}

Invariant: a content is read under one identity at a time. A second file with the same bytes only points to the first
(`same_as`), and is read when the first changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from afluente.sources.source import Json, Position


@dataclass(frozen=True, slots=True)
class SeenFile:
    size_bytes: int
    mtime_ns: int
    sha256: str
    same_as: str = ""

    def to_json(self) -> dict[str, Json]:
        seen: dict[str, Json] = {
            "size_bytes": self.size_bytes,
            "mtime_ns": self.mtime_ns,
            "sha256": self.sha256,
        }
        if self.same_as:
            seen["same_as"] = self.same_as
        return seen


class Memory:
    """The files seen so far. A position written with other options counts as empty: every file is read again."""

    def __init__(self, position: Position, options_digest: str) -> None:
        self._options_digest = options_digest
        files = position.get("files") if position.get("options") == options_digest else None
        self._files = {
            identity: _seen(entry)
            for identity, entry in (files.items() if isinstance(files, dict) else ())
            if isinstance(entry, dict)
        }
        self._written: dict[str, Json] = {identity: seen.to_json() for identity, seen in self._files.items()}
        self._owners = {seen.sha256: identity for identity, seen in self._files.items() if not seen.same_as}

    def get(self, identity: str) -> SeenFile | None:
        return self._files.get(identity)

    def release(self, identity: str) -> None:
        """The content read under this identity is about to be replaced."""
        seen = self._files.pop(identity)
        del self._written[identity]
        if self._owners.get(seen.sha256) == identity:
            del self._owners[seen.sha256]

    def owner(self, sha256: str) -> str | None:
        """The identity under which this content was read."""
        return self._owners.get(sha256)

    def is_orphan(self, identity: str) -> bool:
        """Whether it points to a content that is no longer read under any identity."""
        seen = self._files[identity]
        return bool(seen.same_as) and seen.sha256 not in self._owners

    def own(self, identity: str, seen: SeenFile) -> None:
        self._remember(identity, seen)
        self._owners[seen.sha256] = identity

    def point(self, identity: str, seen: SeenFile, owner: str) -> None:
        self._remember(identity, replace(seen, same_as=owner))

    def _remember(self, identity: str, seen: SeenFile) -> None:
        self._files[identity] = seen
        self._written[identity] = seen.to_json()

    def position(self) -> Position:
        return {"options": self._options_digest, "files": dict(self._written)}


def _seen(entry: Mapping[str, Json]) -> SeenFile:
    return SeenFile(
        size_bytes=int(str(entry["size_bytes"])),
        mtime_ns=int(str(entry["mtime_ns"])),
        sha256=str(entry["sha256"]),
        same_as=str(entry.get("same_as") or ""),
    )
