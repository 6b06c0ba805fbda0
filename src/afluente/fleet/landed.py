"""Landed files, read back for loading: verified first, then unpacked within bounds.

Invariant: no byte is unpacked of a file whose size or digest is not what was announced, and no more is unpacked than
the bounds allow, whatever the file says of itself; memory does not grow with the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO

from afluente.fleet.refusal import FleetError
from afluente_agent.list_format import (
    Limits,
    ListFormatError,
    TooManyBytesError,
    check_blocks,
    read_blocks,
)
from afluente_agent.protocol.limits import MAX_UNPACKED_RATIO

OpenLanded = Callable[[str], AbstractContextManager[BinaryIO]]
"""Opens a landed file by its path as the state keeps it; gives the compressed stream, decrypted."""

READ_BYTES = 1 << 18
FREE_UNPACKED_BYTES = 1 << 24
"""So much may be unpacked whatever the ratio: a short list of equal rows is no bomb."""


def verify(stream: BinaryIO, *, size_bytes: int, sha256: str) -> None:
    """Read a stream to its end; FleetError unless it is what was announced."""
    digest = hashlib.sha256()
    size = 0
    while chunk := stream.read(READ_BYTES):
        size += len(chunk)
        if size > size_bytes:
            break
        digest.update(chunk)
    if size != size_bytes:
        raise FleetError("loading.size", f"the landed file has {size} bytes or more, not {size_bytes}")
    if digest.hexdigest() != sha256:
        raise FleetError("loading.digest", "the landed file's sha256 is not the announced one")


def unpacked(
    stream: BinaryIO, *, columns: int, size_bytes: int, most_ratio: int = MAX_UNPACKED_RATIO
) -> Iterator[bytes]:
    """A list's lines as they are staged, in blocks. Raises FleetError: damaged, or larger than the ratio allows."""
    return _within(read_blocks, stream, columns, size_bytes, most_ratio)


def checked(
    stream: BinaryIO, *, columns: int, size_bytes: int, most_ratio: int = MAX_UNPACKED_RATIO
) -> Iterator[bytes]:
    """The same lines as they came. Raises the same."""
    return _within(check_blocks, stream, columns, size_bytes, most_ratio)


def _within(
    read: Callable[..., Iterator[bytes]], stream: BinaryIO, columns: int, size_bytes: int, most_ratio: int
) -> Iterator[bytes]:
    most = max(FREE_UNPACKED_BYTES, size_bytes * most_ratio)
    limits = Limits(rows=most, unpacked_bytes=most)
    try:
        yield from read(iter(lambda: stream.read(READ_BYTES), b""), columns=columns, limits=limits)
    except TooManyBytesError as error:
        raise FleetError("loading.bomb", f"the landed file unpacks to over {most_ratio} times its size") from error
    except ListFormatError as error:
        raise FleetError("loading.rows", f"the landed file is not a list: {error}") from error
