"""Leaving out the last lines of a stream, such as totals and signatures under a report."""

from __future__ import annotations

from collections.abc import Iterator


def without_last_lines(pieces: Iterator[bytes], count: int) -> Iterator[bytes]:
    """The stream without its last `count` lines that are not blank."""
    if not count:
        yield from pieces
        return
    kept = b""
    for piece in pieces:
        kept += piece
        end = _start_of_last_lines(kept, count)
        if end:
            yield kept[:end]
            kept = kept[end:]
    yield kept[: _start_of_last_lines(kept, count)]


def _start_of_last_lines(data: bytes, count: int) -> int:
    end = len(data)
    while count and end:
        start = max(data.rfind(b"\n", 0, end - 1), data.rfind(b"\r", 0, end - 1)) + 1
        if data[start:end].strip():
            count -= 1
        end = start
    return end
