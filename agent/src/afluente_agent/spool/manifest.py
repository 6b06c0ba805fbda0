"""The manifest of a transmission: the small sealed file whose appearance commits it.

Invariant: it opens only in the folder of its own transmission, and only whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from afluente_agent import durable
from afluente_agent.protocol.messages import MessageError, TransmissionStart, from_json, to_json
from afluente_agent.spool import trouble
from afluente_agent.spool.bounds import Kept
from afluente_agent.spool.crypt import SpoolKey
from afluente_agent.spool.segment import SegmentEntry, SegmentPlace

NAME = "manifest"
_ABOUT = b"afluente-spool-manifest-v1\0"
_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Manifest:
    """`sequence` is the order of the commits; `segment_bytes` and `record_bytes` are how the content is cut."""

    sequence: int
    committed_at: int
    segment_bytes: int
    record_bytes: int
    segments: tuple[SegmentEntry, ...]
    start: TransmissionStart

    @property
    def id(self) -> str:
        return self.start.id

    @property
    def file_bytes(self) -> int:
        return sum(entry.file_bytes for entry in self.segments)

    def kept(self) -> Kept:
        start = self.start
        return Kept(start.id, start.list_name, start.kind, start.base, self.sequence, self.file_bytes)

    def place(self, folder: Path, number: int) -> SegmentPlace:
        return SegmentPlace(folder, self.start.id, number, self.record_bytes)


def write(folder: Path, manifest: Manifest, key: SpoolKey) -> None:
    """Commit: when this returns, the transmission and the names in its folder are on the disk. OSError."""
    durable.sync_folder(folder)
    durable.replace(folder / NAME, key.seal(to_json(manifest), _about(manifest.id)))
    durable.sync_folder(folder.parent)


def read(folder: Path, key: SpoolKey) -> Manifest | None:
    """The manifest of a transmission's folder; None when it was not committed. SpoolError, OSError."""
    try:
        with (folder / NAME).open("rb") as file:
            sealed = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        raise trouble.broken(NAME) from None
    content = key.open(sealed, _about(folder.name), what=NAME)
    try:
        manifest = from_json(Manifest, content, max_bytes=_MOST_BYTES, is_strict=True)
    except MessageError:
        raise trouble.broken(NAME) from None
    sizes = [entry.content_bytes for entry in manifest.segments]
    is_sound = (
        manifest.id == folder.name
        and 0 < manifest.record_bytes <= manifest.segment_bytes
        and sum(sizes) == manifest.start.size_bytes
        and all(size == manifest.segment_bytes for size in sizes[:-1])
    )
    if not is_sound:
        raise trouble.broken(NAME)
    return manifest


def _about(transmission: str) -> bytes:
    return _ABOUT + transmission.encode()
