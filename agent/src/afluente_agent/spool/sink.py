"""Where an extraction writes a packed list to, in constant memory.

Invariant: until `commit` returns nothing of it will be sent; after it, everything, whatever happens to the power.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

from afluente_agent.protocol.limits import MAX_TRANSMISSION_BYTES
from afluente_agent.protocol.messages import Kind, TransmissionStart
from afluente_agent.spool import segment, trouble
from afluente_agent.spool.manifest import Manifest
from afluente_agent.spool.segment import SegmentEntry, SegmentPlace, SegmentWriter

if TYPE_CHECKING:
    from afluente_agent.spool.store import Spool


@dataclass(frozen=True, slots=True)
class Listed:
    """What is known of a list once it was read whole; the sink knows its size and digest. See TransmissionStart."""

    list_name: str
    kind: Kind
    base: str
    rows: int
    catalogue_version: int
    schema: str
    columns: tuple[str, ...]
    extracted_at: int
    freshness: Mapping[str, str] = field(default_factory=dict)


class Sink(Protocol):
    """`id` is the transmission's, the same for every try to send it."""

    id: str

    def write(self, content: bytes) -> None: ...

    def commit(self, listed: Listed) -> TransmissionStart: ...

    def abort(self) -> None: ...


class SpoolSink:
    """Writes segments; used as a context it aborts when it was not committed. SpoolError from every method."""

    def __init__(self, spool: Spool, transmission: str) -> None:
        self.id = transmission
        self._spool = spool
        self._folder = spool.folder_of(transmission)
        self._limits = spool.limits
        self._segments: list[SegmentEntry] = []
        self._segment: SegmentWriter | None = None
        self._segment_left = 0
        self._pending = bytearray()
        self._size_bytes = 0
        self._digest = hashlib.sha256()
        self._is_open = True

    def write(self, content: bytes) -> None:
        """The next packed bytes. After an error only `abort` is of use."""
        self._size_bytes += len(content)
        if self._size_bytes > MAX_TRANSMISSION_BYTES:
            raise trouble.full(trouble.FULL)
        self._digest.update(content)
        size = self._limits.record_bytes
        view = memoryview(content)
        while len(self._pending) + len(view) >= size:
            taken = size - len(self._pending)
            self._pending += view[:taken]
            view = view[taken:]
            self._put_record()
        self._pending += view

    def commit(self, listed: Listed) -> TransmissionStart:
        """Sync everything and let it be sent."""
        if not self._is_open:
            raise trouble.missing()
        if self._pending:
            self._put_record()
        self._close_segment()
        start = TransmissionStart(
            id=self.id,
            list_name=listed.list_name,
            kind=listed.kind,
            base=listed.base,
            rows=listed.rows,
            size_bytes=self._size_bytes,
            sha256=self._digest.hexdigest(),
            catalogue_version=listed.catalogue_version,
            schema=listed.schema,
            columns=listed.columns,
            extracted_at=listed.extracted_at,
            freshness=listed.freshness,
        )
        self._spool.commit(
            Manifest(
                sequence=self._spool.next_sequence(),
                committed_at=self._spool.now_seconds(),
                segment_bytes=self._records_a_segment() * self._limits.record_bytes,
                record_bytes=self._limits.record_bytes,
                segments=tuple(self._segments),
                start=start,
            )
        )
        self._is_open = False
        return start

    def abort(self) -> None:
        """Forget what was written; nothing happens after a commit."""
        if not self._is_open:
            return
        self._is_open = False
        if self._segment is not None:
            self._segment.discard()
            self._segment = None
        self._spool.forget(self.id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()

    def _put_record(self) -> None:
        try:
            if self._segment is None:
                self._segment = self._open_segment()
            self._segment.add(bytes(self._pending))
        except OSError as error:
            raise self._spool.told(trouble.failed(error)) from error
        self._pending.clear()
        self._segment_left -= 1
        if self._segment_left == 0:
            self._close_segment()

    def _open_segment(self) -> SegmentWriter:
        records = self._records_a_segment()
        content_bytes = records * self._limits.record_bytes
        self._spool.reserve(self.id, segment.file_bytes(content_bytes, self._limits.record_bytes))
        self._segment_left = records
        number = len(self._segments)
        return SegmentWriter(SegmentPlace(self._folder, self.id, number, self._limits.record_bytes), self._spool.key)

    def _close_segment(self) -> None:
        if self._segment is None:
            return
        closing, self._segment = self._segment, None
        try:
            self._segments.append(closing.close())
        except OSError as error:
            raise self._spool.told(trouble.failed(error)) from error

    def _records_a_segment(self) -> int:
        return max(1, self._limits.segment_bytes // self._limits.record_bytes)


def new_transmission_id(now: float) -> str:
    """A UUIDv7 (RFC 9562): sorts by the time it was made."""
    random = int.from_bytes(os.urandom(10), "big")
    milliseconds = int(max(now, 0) * 1000) & (1 << 48) - 1
    value = milliseconds << 80 | 0x7 << 76 | (random >> 68 & 0xFFF) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return str(uuid.UUID(int=value))
