r"""The wire format of a list, read by the hub and written by the agent.

A transmission is a zstd stream (one frame or several) of UTF-8 lines in PostgreSQL's COPY text format: fields parted
by a tab, lines ended by `\n`, null as `\N`, and tab, line feed, carriage return and backslash escaped by a backslash.
The fields of a line are `op`, `row_key`, `row_hash`, then one for each of the transmission's columns in their order:

    I  row_key  row_hash  value...      the row stands: it is new, or takes the place of the one with its key
    D  row_key  \N        \N...         the row is gone

`row_key` is the digest of the list's key columns and `row_hash` that of the whole row, each 32 lower-case hex digits
(16 bytes of BLAKE2b over the fields as they stand in the COPY text, tabs between). A full list holds only `I`; a delta
holds what changed since its base. `rows` of the transmission is the number of lines.

Invariant: a line has exactly its fields; equal rows have equal hashes whatever the machine; memory does not grow with
the list.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

INSERT = b"I"
DELETE = b"D"
NULL = b"\\N"
FIXED_COLUMNS = ("op", "row_key", "row_hash")
DIGEST_BYTES = 16


def digest(fields: bytes) -> bytes:
    """The hex digest of fields as they stand in COPY text, tabs between."""
    return hashlib.blake2b(fields, digest_size=DIGEST_BYTES).hexdigest().encode()


def insert_line(row: bytes, key_positions: Sequence[int]) -> bytes:
    r"""The line for a row of COPY text (without its `\n`); `key_positions` count its fields from 0."""
    fields = row.split(b"\t")
    key = digest(b"\t".join(fields[position] for position in key_positions))
    return b"\t".join((INSERT, key, digest(row), row)) + b"\n"


def delete_line(row_key: bytes, columns: int) -> bytes:
    """The line that takes the row with this key away from a list of so many columns."""
    return b"\t".join((DELETE, row_key, NULL, *([NULL] * columns))) + b"\n"


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    r"""Chunks cut anywhere, as lines without their `\n`. A last line that is not ended is given too."""
    rest = b""
    for chunk in chunks:
        rest += chunk
        *whole, rest = rest.split(b"\n")
        yield from whole
    if rest:
        yield rest


def copy_text(value: str | None) -> bytes:
    """A value as COPY text writes it."""
    if value is None:
        return NULL
    escaped = value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return escaped.encode()
