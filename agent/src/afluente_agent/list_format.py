r"""How a list travels: a zstd stream of lines of PostgreSQL's COPY text format, and what they say once they are staged.

The first line is the form: `full` or `delta`, a tab, and the places of the key's columns, from 0, joined by commas.
Text is UTF-8, and every line ends with a line feed.

- A whole list has after it one line a row: the values of the list's columns, exactly as COPY wrote them.
- A delta has the lines of what is new or changed, `I`, a tab and the values; then the lines of what is gone, `D`, a
  tab and the row key, in the order of the keys.

So no digest travels that can be reckoned from the values. The hub stages each line as `op`, `row_key`, `row_hash` and
the values (`read_blocks`), which goes into `COPY stage (op, row_key, row_hash, <columns>) FROM STDIN` as it is:

- `op`: `I` puts the row in the place of the one with this `row_key`, or adds it; `D` takes it away.
- `row_key`: a UUID in 32 lower-case hexadecimal digits: the first 12 bytes of BLAKE2b-512 over the key columns' fields
  joined by tabs, then zeros. Of twenty million rows two share their key once in 400 trillion lists.
- `row_hash`: the same form: the first 9 bytes of BLAKE2b-512 over all values as they stand in the line, then zeros; `\N`
  for `D`. A change that nobody sees comes once in 4,700,000,000,000,000,000,000 changes.
- values: as COPY wrote them (`\N` is NULL; `\\ \t \n \r \b \f \v` are escapes); for `D` all `\N`.

No key stands twice in a stream. A form alone is a list without rows, or a delta that changes nothing.

Invariant: what `read_blocks` and `check_blocks` give holds to the above line by line; anything else raises
ListFormatError, and never more than a block and a line are in memory.
"""

from __future__ import annotations

import re
from binascii import hexlify
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from itertools import chain
from struct import Struct
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import zstandard

KEY_BYTES = 12
HASH_BYTES = 9
MAX_LINE_BYTES = 1024 * 1024
BLOCK_BYTES = 256 * 1024
ZSTD_LEVEL = 3
ZSTD_WINDOW_LOG = 19
"""Half a megabyte: rows repeat what stands in the rows just before, and looking further back costs time for nothing."""
ZSTD_MIN_MATCH = 6
ZSTD_HASH_LOG = 15
ZSTD_CHAIN_LOG = 14
"""Of short matches digits are full, and of small tables a processor's nearest cache holds more: for rows both make a
quarter less work and fewer bytes than what level 3 begins with."""
ZSTD_MAX_WINDOW_BYTES = 8 * 1024 * 1024
EXTRA_COLUMNS = ("op", "row_key", "row_hash")
NULL = rb"\N"
_FED_BYTES = 256
"""A block of zstd is at least 4 bytes and at most 128 KiB, so this is 8 MiB at worst."""
_UUID_BYTES = 16
KEY_PADDING = b"00" * (_UUID_BYTES - KEY_BYTES)
HASH_PADDING = b"00" * (_UUID_BYTES - HASH_BYTES)
_STAGED = b"I\t%b" + KEY_PADDING + b"\t%b" + HASH_PADDING + b"\t%b\n"
_KEY_AND_HASH = Struct(f"{KEY_BYTES}s{HASH_BYTES}s")
_KEY_DIGITS = 2 * KEY_BYTES
_DIGITS = _KEY_DIGITS + 2 * HASH_BYTES
_FORM = re.compile(rb"(full|delta)\t([0-9]{1,3}(?:,[0-9]{1,3})*)")
_FIELD = rb"(?:\\N|[^\\\t\n\r\0]*+(?:\\[bfnrtv\\][^\\\t\n\r\0]*+)*+)"


class ListFormatError(Exception):
    """The stream is not a list. The text says what is wrong, never a value."""


class TooManyBytesError(ListFormatError):
    """The stream unpacks to more than it may."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most of what is read from one stream."""

    rows: int
    unpacked_bytes: int


@dataclass(frozen=True, slots=True)
class Form:
    """The first line of a list: whether it is whole, and the places of the key's columns."""

    is_full: bool
    key: tuple[int, ...]

    @classmethod
    def read(cls, line: bytes, *, columns: int) -> Self:
        """ListFormatError."""
        found = _FORM.fullmatch(line)
        key = tuple(int(place) for place in found[2].split(b",")) if found else ()
        if found is None or len(set(key)) != len(key) or max(key) >= columns:
            raise ListFormatError("the first line does not say the form of a list")
        return cls(found[1] == b"full", key)

    def line(self) -> bytes:
        places = ",".join(str(place) for place in self.key)
        return f"{'full' if self.is_full else 'delta'}\t{places}\n".encode()

    def keys_of(self, rows: list[bytes]) -> list[bytes]:
        """The key columns' fields of each row, joined by tabs."""
        if self.key == (0,):
            return [row.partition(b"\t")[0] for row in rows]
        last = max(self.key) + 1
        split = (row.split(b"\t", last) for row in rows)
        return [b"\t".join([fields[place] for place in self.key]) for fields in split]

    def text_of(self, rows: list[bytes]) -> bytes:
        """The lines of rows that are there."""
        if self.is_full:
            return b"".join([b"%b\n" % row for row in rows])
        return b"".join([b"I\t%b\n" % row for row in rows])

    def staged(self, block: bytes, *, columns: int) -> bytes:
        """Checked lines as they are staged."""
        lines = block.split(b"\n")
        lines.pop()
        if self.is_full:
            return self._staged_rows(lines)
        rows = [line[2:] for line in lines if line.startswith(b"I")]
        end = b"\t" + NULL + (b"\t" + NULL) * columns + b"\n"
        gone = [line + KEY_PADDING + end for line in lines if line.startswith(b"D")]
        return self._staged_rows(rows) + b"".join(gone)

    def _staged_rows(self, rows: list[bytes]) -> bytes:
        digits = hexlify(b"".join(map(_KEY_AND_HASH.pack, digests(self.keys_of(rows)), digests(rows))))
        starts = range(0, len(digits), _DIGITS)
        return b"".join(
            [
                _STAGED % (digits[start : start + _KEY_DIGITS], digits[start + _KEY_DIGITS : start + _DIGITS], row)
                for start, row in zip(starts, rows, strict=True)
            ]
        )


def digests(values: Iterable[bytes]) -> Iterator[bytes]:
    """The 64 bytes of BLAKE2b-512 of each, of which a key has the first 12 and a row the first 9."""
    return map(blake2b.digest, map(blake2b, values))


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


def deletion(key: bytes) -> bytes:
    """The line of a delta that takes away the row with this key (12 bytes)."""
    return b"D\t" + hexlify(key) + b"\n"


@dataclass(slots=True)
class Packer:
    """Packs the lines of a list, its form first; counts and hashes what comes out, for `TransmissionStart`."""

    form: Form
    size_bytes: int = 0
    unpacked_bytes: int = 0
    _sha256: object = field(default_factory=sha256)
    _packer: zstandard.ZstdCompressionObj | None = None

    def pack(self, lines: bytes) -> bytes:
        packed = b"" if self._packer else self._begin()
        return packed + self._pack(lines)

    def finish(self) -> bytes:
        packed = b"" if self._packer else self._begin()
        assert self._packer is not None
        return packed + self._count(self._packer.flush())

    @property
    def sha256(self) -> str:
        digest: str = self._sha256.hexdigest()  # type: ignore[attr-defined]
        return digest

    def _begin(self) -> bytes:
        import zstandard

        parameters = zstandard.ZstdCompressionParameters.from_level(
            ZSTD_LEVEL,
            window_log=ZSTD_WINDOW_LOG,
            min_match=ZSTD_MIN_MATCH,
            hash_log=ZSTD_HASH_LOG,
            chain_log=ZSTD_CHAIN_LOG,
            write_checksum=True,
            threads=1,
        )
        self._packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        return self._pack(self.form.line())

    def _pack(self, lines: bytes) -> bytes:
        assert self._packer is not None
        self.unpacked_bytes += len(lines)
        return self._count(self._packer.compress(lines))

    def _count(self, packed: bytes) -> bytes:
        self.size_bytes += len(packed)
        self._sha256.update(packed)  # type: ignore[attr-defined]
        return packed


def read_blocks(packed: Iterable[bytes], *, columns: int, limits: Limits) -> Iterator[bytes]:
    """Unpack chunks of any size into blocks of whole lines as they are staged.

    ListFormatError, also for a stream cut short.
    """
    form, blocks = _opened(packed, columns=columns, limits=limits)
    for block in blocks:
        yield form.staged(block, columns=columns)


def check_blocks(packed: Iterable[bytes], *, columns: int, limits: Limits) -> Iterator[bytes]:
    """The same lines, checked and otherwise as they came: a third of the work."""
    _, blocks = _opened(packed, columns=columns, limits=limits)
    yield from blocks


def _opened(packed: Iterable[bytes], *, columns: int, limits: Limits) -> tuple[Form, Iterator[bytes]]:
    pieces = _unpack(packed, most_bytes=limits.unpacked_bytes)
    line, end, rest = next(pieces).partition(b"\n")
    form = Form.read(line if end else b"", columns=columns)
    return form, _lines(chain([rest], pieces), _block_pattern(form, columns), most_rows=limits.rows)


def _lines(pieces: Iterable[bytes], pattern: re.Pattern[bytes], *, most_rows: int) -> Iterator[bytes]:
    """Blocks of whole lines of this pattern."""
    rest = bytearray()
    rows = 0
    for piece in pieces:
        end = piece.rfind(b"\n") + 1
        if not end:
            rest += piece
            if len(rest) > MAX_LINE_BYTES:
                raise ListFormatError(f"a line of more than {MAX_LINE_BYTES} bytes")
            continue
        block = bytes(rest) + piece[:end]
        rest = bytearray(piece[end:])
        rows += block.count(b"\n")
        if rows > most_rows:
            raise ListFormatError(f"more than {most_rows} rows")
        if pattern.fullmatch(block) is None:
            raise ListFormatError(f"a line among the first {rows} does not have the form of a list")
        yield block
    if rest:
        raise ListFormatError("the last line is not whole")


def _unpack(packed: Iterable[bytes], *, most_bytes: int) -> Iterator[bytes]:
    """At least one piece, of about a block; so little goes in at once that no bomb fills the memory."""
    import zstandard

    unpacker = zstandard.ZstdDecompressor(max_window_size=ZSTD_MAX_WINDOW_BYTES).decompressobj()
    gathered: list[bytes] = []
    gathered_bytes = unpacked_bytes = 0
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
            unpacked_bytes += len(piece)
            if unpacked_bytes > most_bytes:
                raise TooManyBytesError(f"more than {most_bytes} bytes unpacked")
            if gathered_bytes >= BLOCK_BYTES:
                yield b"".join(gathered)
                gathered, gathered_bytes = [], 0
    if not unpacker.eof or unpacker.unused_data:
        raise ListFormatError("the stream is cut short or has something after its end")
    yield b"".join(gathered)


def _block_pattern(form: Form, columns: int) -> re.Pattern[bytes]:
    values = _FIELD + rb"(?:\t%b){%d}" % (_FIELD, columns - 1)
    if form.is_full:
        return re.compile(rb"(?:%b\n)*+" % values)
    return re.compile(rb"(?:I\t%b\n|D\t[0-9a-f]{%d}\n)*+" % (values, _KEY_DIGITS))
