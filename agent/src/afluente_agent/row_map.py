"""A map from row key to row hash as a file: what is known of the rows of a list, without a value of any of them.

The file holds one record of 24 bytes a row - key (12), hash (9), day of the window (3) - in the order of the first two
bytes of the keys; then an index by their first bits, then facts as JSON, their length, a sha256 of everything before,
and the magic. It is mapped into memory, so that a row is looked up in about a microsecond and the memory is the
system's to take back.

Invariant: a file that is not whole is never opened as a map; a key stands in a map once.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import struct
import tempfile
from array import array
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import accumulate, chain
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from afluente_agent import durable
from afluente_agent.list_format import HASH_BYTES, KEY_BYTES

DAY_BYTES = 3
RECORD = struct.Struct(f"{KEY_BYTES}s{HASH_BYTES}s{DAY_BYTES}s")
"""Of a key and of a hash that is longer it packs the beginning."""
RECORD_BYTES = RECORD.size
RUN_RECORDS = 100_000
MAGIC = b"AFLROWS1"
_TRAILER = struct.Struct("<I32s8s")
_MOST_BITS = 16
_PARTS = 256
_MOST_FACTS_BYTES = 4096
_READ_BYTES = 1 << 20


class BrokenMapError(Exception):
    """A file is not a whole map."""


class SameKeyError(Exception):
    """Two rows have the same key."""


@dataclass(frozen=True, slots=True)
class MapFacts:
    """`transmission` is the one after whose loading the hub holds these rows. Days are ordinals, times seconds."""

    transmission: str
    sequence: int
    schema: str
    rows: int
    newest_day: int
    full_at: int


class RowMap:
    """A map opened for reading. BrokenMapError."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            size_bytes = os.fstat(file.fileno()).st_size
            if size_bytes < _TRAILER.size:
                raise BrokenMapError
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            self.facts, self._starts = self._check(size_bytes)
        except BaseException:
            self._map.close()
            raise
        self._shift = _MOST_BITS - (len(self._starts) - 2).bit_length()

    def has(self, record: bytes) -> bool:
        """Whether a row with this key, hash and day is known."""
        bucket = (record[0] << 8 | record[1]) >> self._shift
        starts = self._starts
        return self._map.find(record, starts[bucket] * RECORD_BYTES, starts[bucket + 1] * RECORD_BYTES) >= 0

    def part(self, first_byte: int) -> list[bytes]:
        """The records whose key begins with this byte."""
        first = self._starts[(first_byte << 8) >> self._shift]
        last = self._starts[((first_byte << 8 | 0xFF) >> self._shift) + 1]
        records = split_records(self._map[first * RECORD_BYTES : last * RECORD_BYTES])
        return [record for record in records if record[0] == first_byte]

    def close(self) -> None:
        self._map.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, size_bytes: int) -> tuple[MapFacts, array[int]]:
        facts_bytes, digest, magic = _TRAILER.unpack(self._map[size_bytes - _TRAILER.size :])
        end = size_bytes - _TRAILER.size
        if magic != MAGIC or facts_bytes > min(_MOST_FACTS_BYTES, end):
            raise BrokenMapError
        seen = hashlib.sha256()
        for start in range(0, end, _READ_BYTES):
            seen.update(self._map[start : min(end, start + _READ_BYTES)])
        if seen.digest() != digest:
            raise BrokenMapError
        facts = MapFacts(**json.loads(self._map[end - facts_bytes : end]))
        starts = array("I")
        starts.frombytes(self._map[facts.rows * RECORD_BYTES : end - facts_bytes])
        return facts, starts


class RowMapWriter:
    """Gathers the rows of a list in any order, in bounded memory, and writes their map."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: list[list[bytes]] = [[] for _ in range(_PARTS)]
        self._held_records = 0
        self._runs: list[tuple[BinaryIO, array[int]]] = []

    def add(self, records: list[bytes]) -> None:
        held = self._held
        for record in records:
            held[record[0]].append(record)
        self._held_records += len(records)
        if self._held_records >= RUN_RECORDS:
            self._spill()

    def finish(self, path: Path, *, before: RowMap | None, kept_before_day: int, facts: MapFacts) -> Iterator[bytes]:
        """Write the map to `path`, synced, and give the keys that are gone since `before`, in their order.

        A row of `before` that was not added stays when its day is earlier than `kept_before_day`. The map is there
        only when all was taken. Raises SameKeyError.
        """
        digest = hashlib.sha256()
        counts = array("I")
        with path.open("wb") as file:
            for first_byte in range(_PARTS):
                content = self._part(first_byte)
                records = split_records(content)
                present = set(_keys(content))
                if len(present) != len(records):
                    raise SameKeyError
                if before is not None:
                    for record in sorted(old for old in before.part(first_byte) if old[:KEY_BYTES] not in present):
                        if int.from_bytes(record[-DAY_BYTES:], "big") < kept_before_day:
                            records.append(record)
                        else:
                            yield record[:KEY_BYTES]
                buckets: list[list[bytes]] = [[] for _ in range(_PARTS)]
                for record in records:
                    buckets[record[1]].append(record)
                counts.extend(map(len, buckets))
                content = b"".join(chain.from_iterable(buckets))
                digest.update(content)
                file.write(content)
            rows = sum(counts)
            kept = {**asdict(facts), "rows": rows}
            told = json.dumps(kept, separators=(",", ":")).encode()
            tail = index(counts, rows).tobytes() + told
            digest.update(tail)
            file.write(tail + _TRAILER.pack(len(told), digest.digest(), MAGIC))
            file.flush()
            os.fsync(file.fileno())
        durable.sync_folder(path.parent)

    def close(self) -> None:
        for run, _ in self._runs:
            run.close()
        self._runs = []

    def _spill(self) -> None:
        run = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
        starts = array("I", [0])
        for part in self._held:
            run.write(b"".join(part))
            starts.append(starts[-1] + len(part))
            part.clear()
        self._runs.append((run, starts))
        self._held_records = 0

    def _part(self, first_byte: int) -> bytes:
        pieces = self._held[first_byte]
        self._held[first_byte] = []
        for run, starts in self._runs:
            run.seek(starts[first_byte] * RECORD_BYTES)
            pieces.append(run.read((starts[first_byte + 1] - starts[first_byte]) * RECORD_BYTES))
        return b"".join(pieces)


def split_records(content: bytes) -> list[bytes]:
    return list(_each(f"{RECORD_BYTES}s", content))


def _keys(content: bytes) -> tuple[bytes, ...]:
    return _each(f"{KEY_BYTES}s{RECORD_BYTES - KEY_BYTES}x", content)


def _each(layout: str, content: bytes) -> tuple[bytes, ...]:
    """Of all records; by a layout of its own, for `struct.unpack` keeps the last hundred, some megabytes."""
    return struct.Struct(layout * (len(content) // RECORD_BYTES)).unpack(content)


def index(counts: array[int], rows: int) -> array[int]:
    """Where each bucket begins: a power of two of buckets with some sixteen rows each, and the end."""
    bits = max(0, min(_MOST_BITS, rows.bit_length() - 4))
    starts = array("I", accumulate(counts, initial=0))
    return starts[:: 1 << (_MOST_BITS - bits)]
