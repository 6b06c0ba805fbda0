"""A segment: a bounded piece of a transmission as a file of sealed records.

Layout: a header (magic, version, record size, transmission, number of the segment), then records of the same size but
for the last, each sealed with the header and its own number, so that no record or segment can take the place of another.

Invariant: a record is read whole and as it was written, or SpoolError says that it is broken.
"""

from __future__ import annotations

import hashlib
import os
import struct
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from afluente_agent import durable
from afluente_agent.spool import trouble
from afluente_agent.spool.crypt import OVERHEAD_BYTES, SpoolKey

_HEADER = struct.Struct(">4sBxxxI16sI")
_MAGIC = b"AFSG"
_VERSION = 1
_READ_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """What the manifest knows of a segment: bytes of the transmission in it, bytes and digest of its file."""

    content_bytes: int
    file_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SegmentPlace:
    """Which segment of which transmission, and how its records are cut."""

    folder: Path
    transmission: str
    number: int
    record_bytes: int

    @property
    def path(self) -> Path:
        return self.folder / f"{self.number:06}.segment"

    @property
    def header(self) -> bytes:
        return _HEADER.pack(_MAGIC, _VERSION, self.record_bytes, uuid.UUID(self.transmission).bytes, self.number)

    def about(self, record: int) -> bytes:
        return self.header + struct.pack(">I", record)


def file_bytes(content_bytes: int, record_bytes: int) -> int:
    """How large the file of a segment is that holds this much."""
    records = -(-content_bytes // record_bytes)
    return _HEADER.size + content_bytes + records * OVERHEAD_BYTES


class SegmentWriter:
    """Writes the records of one segment; nothing counts before `close` has synced it. OSError."""

    def __init__(self, place: SegmentPlace, key: SpoolKey) -> None:
        self._place = place
        self._key = key
        self._records = 0
        self._content_bytes = 0
        self._digest = hashlib.sha256()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._file = os.fdopen(os.open(place.path, flags, durable.PRIVATE_FILE), "wb", buffering=0)
        try:
            self._put(place.header)
        except BaseException:
            self._file.close()
            raise

    def add(self, record: bytes) -> None:
        """The next record: of `record_bytes`, or less for the last."""
        self._put(self._key.seal(record, self._place.about(self._records)))
        self._records += 1
        self._content_bytes += len(record)

    def close(self) -> SegmentEntry:
        try:
            os.fsync(self._file.fileno())
            size = os.fstat(self._file.fileno()).st_size
        finally:
            self._file.close()
        return SegmentEntry(self._content_bytes, size, self._digest.hexdigest())

    def discard(self) -> None:
        self._file.close()

    def _put(self, content: bytes) -> None:
        view = memoryview(content)
        while view:
            written = self._file.write(view) or 0
            view = view[written:]
        self._digest.update(content)


def read(place: SegmentPlace, key: SpoolKey, entry: SegmentEntry, offset: int, size: int) -> bytes:
    """`size` bytes of the segment's content from `offset`, less at its end. SpoolError, OSError."""
    size = min(size, entry.content_bytes - offset)
    if size <= 0:
        return b""
    first, skipped = divmod(offset, place.record_bytes)
    last = (offset + size - 1) // place.record_bytes
    found = bytearray()
    stride = place.record_bytes + OVERHEAD_BYTES
    with _opened(place) as file:
        if file.read(_HEADER.size) != place.header:
            raise trouble.broken(place.path.name)
        file.seek(_HEADER.size + first * stride)
        for number in range(first, last + 1):
            content_bytes = min(place.record_bytes, entry.content_bytes - number * place.record_bytes)
            sealed = file.read(content_bytes + OVERHEAD_BYTES)
            found += key.open(sealed, place.about(number), what=place.path.name)
    return bytes(found[skipped : skipped + size])


def check(place: SegmentPlace, entry: SegmentEntry) -> None:
    """That the file is the one the manifest knows, to the bit. SpoolError, OSError."""
    digest = hashlib.sha256()
    with _opened(place) as file:
        if os.fstat(file.fileno()).st_size != entry.file_bytes:
            raise trouble.broken(place.path.name)
        while block := file.read(_READ_BYTES):
            digest.update(block)
    if digest.hexdigest() != entry.sha256:
        raise trouble.broken(place.path.name)


def _opened(place: SegmentPlace) -> BinaryIO:
    try:
        return place.path.open("rb")
    except (FileNotFoundError, IsADirectoryError):
        raise trouble.broken(place.path.name) from None
