r"""How a list travels: a zstd stream of lines of PostgreSQL's COPY text format, the same for a whole list and a delta.

A line is `op`, `row_key`, `row_hash` and the values of the list's columns in their order, each after a tab, and ends
with a line feed. So every line has `3 + columns` fields and the stream, unpacked, goes into
`COPY stage (op, row_key, row_hash, <columns>) FROM STDIN` as it is.

- `op`: `I` puts the row in the place of the one with this `row_key`, or adds it; `D` takes it away.
- `row_key`: a UUID in 32 lower-case hexadecimal digits: the first 12 bytes of BLAKE2b-512 over the key columns' fields
  joined by tabs, then zeros. The zeros keep the line short when packed, and the UUID keeps the central table's index small.
- `row_hash`: the same form: the first 9 bytes of BLAKE2b-512 over all values as they stand in the line, then zeros; `\N` for `D`.
- values: as COPY wrote them (`\N` is NULL; `\\ \t \n \r \b \f \v` are escapes); for `D` all `\N`.

A whole list has `I` lines only, in the order of the query. A delta has the `I` lines of what is new or changed, then
the `D` lines in the order of their keys. No key stands twice in a stream. An empty stream is a list without rows, or
a delta that changes nothing. Text is UTF-8.

Invariant: what `read_blocks` gives holds to the above line by line; anything else raises ListFormatError, and never
more than a block and a line are in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import zstandard

KEY_BYTES = 12
HASH_BYTES = 9
MAX_LINE_BYTES = 1024 * 1024
BLOCK_BYTES = 256 * 1024
ZSTD_LEVEL = 3
ZSTD_MAX_WINDOW_BYTES = 8 * 1024 * 1024
EXTRA_COLUMNS = ("op", "row_key", "row_hash")
NULL = rb"\N"
_FED_BYTES = 256
"""A block of zstd is at least 4 bytes and at most 128 KiB, so this is 8 MiB at worst."""
_UUID_BYTES = 16
KEY_PADDING = b"00" * (_UUID_BYTES - KEY_BYTES)
HASH_PADDING = b"00" * (_UUID_BYTES - HASH_BYTES)
_FIELD = rb"(?:\\N|[^\\\t\n\r\0]*+(?:\\[bfnrtv\\][^\\\t\n\r\0]*+)*+)"


class ListFormatError(Exception):
    """The stream is not a list. The text says what is wrong, never a value."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most of what is read from one stream."""

    rows: int
    unpacked_bytes: int


def key_digest(fields: bytes) -> bytes:
    """The 12 bytes for the fields of the key columns, joined by tabs."""
    return blake2b(fields).digest()[:KEY_BYTES]


def row_digest(values: bytes) -> bytes:
    """The 9 bytes for the values of a row as they stand in the line, without the line feed."""
    return blake2b(values).digest()[:HASH_BYTES]


def key_text(digest: bytes) -> bytes:
    return digest.hex().encode() + KEY_PADDING


def hash_text(digest: bytes) -> bytes:
    return digest.hex().encode() + HASH_PADDING


def schema_hash(columns: Iterable[tuple[str, str]]) -> str:
    """What `TransmissionStart.schema` says: names and types of the columns, in order."""
    return sha256("\n".join(f"{name} {kind}" for name, kind in columns).encode()).hexdigest()[:32]


def deletion(key: bytes, columns: int) -> bytes:
    """The line that takes away the row with this key (12 bytes)."""
    return b"D\t" + key_text(key) + b"\t" + NULL + (b"\t" + NULL) * columns + b"\n"


@dataclass(slots=True)
class Packer:
    """Packs lines; counts and hashes what comes out, for `TransmissionStart`."""

    size_bytes: int = 0
    unpacked_bytes: int = 0
    _sha256: object = field(default_factory=sha256)
    _packer: zstandard.ZstdCompressionObj | None = None

    def pack(self, lines: bytes) -> bytes:
        self.unpacked_bytes += len(lines)
        return self._count(self._open().compress(lines))

    def finish(self) -> bytes:
        return self._count(self._open().flush())

    @property
    def sha256(self) -> str:
        digest: str = self._sha256.hexdigest()  # type: ignore[attr-defined]
        return digest

    def _open(self) -> zstandard.ZstdCompressionObj:
        import zstandard

        if self._packer is None:
            self._packer = zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True, threads=1).compressobj()
        return self._packer

    def _count(self, packed: bytes) -> bytes:
        self.size_bytes += len(packed)
        self._sha256.update(packed)  # type: ignore[attr-defined]
        return packed


def read_blocks(packed: Iterable[bytes], *, columns: int, limits: Limits) -> Iterator[bytes]:
    """Unpack chunks of any size into blocks of whole, checked lines. ListFormatError, also for a stream cut short."""
    well_formed = _block_pattern(columns).fullmatch
    rest = bytearray()
    rows = unpacked_bytes = 0
    for piece in _unpack(packed):
        unpacked_bytes += len(piece)
        if unpacked_bytes > limits.unpacked_bytes:
            raise ListFormatError(f"more than {limits.unpacked_bytes} bytes unpacked")
        end = piece.rfind(b"\n") + 1
        if not end:
            rest += piece
            if len(rest) > MAX_LINE_BYTES:
                raise ListFormatError(f"a line of more than {MAX_LINE_BYTES} bytes")
            continue
        block = bytes(rest) + piece[:end]
        rest = bytearray(piece[end:])
        rows += block.count(b"\n")
        if rows > limits.rows:
            raise ListFormatError(f"more than {limits.rows} rows")
        if well_formed(block) is None:
            raise ListFormatError(f"a line among the first {rows} does not have the form of a list")
        yield block
    if rest:
        raise ListFormatError("the last line is not whole")


def _unpack(packed: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces of about a block; so little goes in at once that no bomb fills the memory."""
    import zstandard

    unpacker = zstandard.ZstdDecompressor(max_window_size=ZSTD_MAX_WINDOW_BYTES).decompressobj()
    gathered: list[bytes] = []
    gathered_bytes = 0
    for chunk in packed:
        for start in range(0, len(chunk), _FED_BYTES):
            if unpacker.eof:
                raise ListFormatError("the stream has something after its end")
            try:
                piece = unpacker.decompress(chunk[start : start + _FED_BYTES])
            except zstandard.ZstdError:
                raise ListFormatError("the stream is not zstd, or is broken") from None
            gathered.append(piece)
            gathered_bytes += len(piece)
            if gathered_bytes >= BLOCK_BYTES:
                yield b"".join(gathered)
                gathered, gathered_bytes = [], 0
    if not unpacker.eof or unpacker.unused_data:
        raise ListFormatError("the stream is cut short or has something after its end")
    yield b"".join(gathered)


def _block_pattern(columns: int) -> re.Pattern[bytes]:
    inserted = rb"I\t[0-9a-f]{24}0{8}\t[0-9a-f]{18}0{14}(?:\t%b){%d}\n" % (_FIELD, columns)
    deleted = rb"D\t[0-9a-f]{24}0{8}\t\\N(?:\t\\N){%d}\n" % columns
    return re.compile(rb"(?:%b|%b)*+" % (inserted, deleted))
