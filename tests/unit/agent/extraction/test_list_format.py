"""The form of a list on the wire: what is read back is what was packed; anything else is refused."""

from __future__ import annotations

import pytest
import zstandard
from afluente_agent.list_format import (
    Limits,
    ListFormatError,
    Packer,
    deletion,
    hash_text,
    key_digest,
    key_text,
    read_blocks,
    row_digest,
)
from hypothesis import given, settings
from hypothesis import strategies as st

PLENTY = Limits(rows=10**6, unpacked_bytes=10**8)
KEY, HASH = b"a" * 24 + b"0" * 8, b"b" * 18 + b"0" * 14


def packed(lines: bytes) -> bytes:
    packer = Packer()
    return packer.pack(lines) + packer.finish()


def unpacked(stream: bytes, *, columns: int, limits: Limits = PLENTY, step: int = 10**6) -> bytes:
    chunks = (stream[start : start + step] for start in range(0, len(stream), step))
    return b"".join(read_blocks(chunks, columns=columns, limits=limits))


def copy_text(value: str | None) -> bytes:
    if value is None:
        return rb"\N"
    for plain, escaped in (
        ("\\", "\\\\"),
        ("\t", "\\t"),
        ("\n", "\\n"),
        ("\r", "\\r"),
        ("\b", "\\b"),
        ("\f", "\\f"),
        ("\v", "\\v"),
    ):
        value = value.replace(plain, escaped)
    return value.encode()


VALUES = st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(VALUES, min_size=3, max_size=3), max_size=30), step=st.integers(1, 300), gone=st.booleans()
)
def test_what_was_packed_is_read_back(rows: list[list[str | None]], step: int, gone: bool) -> None:
    lines = b""
    for row in rows:
        values = b"\t".join(copy_text(value) for value in row)
        key = key_text(key_digest(copy_text(row[0])))
        lines += b"\t".join([b"I", key, hash_text(row_digest(values)), values]) + b"\n"
    if gone:
        lines += deletion(key_digest(b"1"), 3)
    assert unpacked(packed(lines), columns=3, step=step) == lines


def test_key_and_hash_are_uuids() -> None:
    from uuid import UUID

    assert UUID(key_text(key_digest(b"1")).decode()).bytes[:12] == key_digest(b"1")
    assert UUID(hash_text(row_digest(b"")).decode()).bytes[:9] == row_digest(b"")


@pytest.mark.parametrize(
    "line",
    [
        b"I\t" + KEY + b"\t" + HASH + b"\tonly one\n",
        b"I\t" + KEY + b"\t" + HASH + b"\ta\tb\tone too many\n",
        b"X\t" + KEY + b"\t" + HASH + b"\ta\tb\n",
        b"I\tshort\t" + HASH + b"\ta\tb\n",
        b"I\t" + KEY + b"\t\\N\ta\tb\n",
        b"D\t" + KEY + b"\t" + HASH + b"\t\\N\t\\N\n",
        b"D\t" + KEY + b"\t\\N\ta\t\\N\n",
        b"I\t" + KEY + b"\t" + HASH + b"\ta\\.\tb\n",
        b"I\t" + KEY + b"\t" + HASH + b"\ta\\x41\tb\n",
        b"I\t" + KEY + b"\t" + HASH + b"\ta\\N\tb\n",
        b"I\t" + KEY + b"\t" + HASH + b"\ta\0\tb\n",
        b"I\t" + KEY + b"\t" + HASH + b"\ta\r\tb\n",
        b"\\.\n",
        b"\n",
        b"I\t" + KEY + b"\t" + HASH + b"\ta\tb",
    ],
)
def test_a_line_of_another_form_is_refused(line: bytes) -> None:
    good = b"I\t" + KEY + b"\t" + HASH + b"\ta\tb\n"
    with pytest.raises(ListFormatError):
        unpacked(packed(good + line), columns=2)


def test_a_stream_cut_anywhere_is_refused() -> None:
    stream = packed(b"".join(b"I\t%024d00000000\t" % n + HASH + b"\t%d\tb\n" % n for n in range(500)))
    for size in (0, 1, 5, len(stream) // 2, len(stream) - 1):
        with pytest.raises(ListFormatError):
            unpacked(stream[:size], columns=2)


@pytest.mark.parametrize("extra", [b"x", b"\0" * 4, packed(b"")])
def test_nothing_may_follow_the_end(extra: bytes) -> None:
    with pytest.raises(ListFormatError):
        unpacked(packed(b"") + extra, columns=2)


def test_what_is_not_zstd_is_refused() -> None:
    with pytest.raises(ListFormatError):
        unpacked(b"plain text", columns=2)


def test_a_bomb_stops_at_the_limit() -> None:
    bomb = zstandard.ZstdCompressor(level=19).compress(b"\0" * 200_000_000)
    with pytest.raises(ListFormatError, match="1000000 bytes unpacked"):
        unpacked(bomb, columns=2, limits=Limits(rows=10, unpacked_bytes=1_000_000))


def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(ListFormatError, match="a line of more than"):
        unpacked(packed(b"I\t" + b"a" * 3_000_000), columns=2)


def test_too_many_rows_are_refused() -> None:
    line = b"I\t" + KEY + b"\t" + HASH + b"\ta\tb\n"
    with pytest.raises(ListFormatError, match="more than 3 rows"):
        unpacked(packed(line * 4), columns=2, limits=Limits(rows=3, unpacked_bytes=10**6))


def test_size_and_digest_are_of_the_packed_stream() -> None:
    from hashlib import sha256

    packer = Packer()
    stream = packer.pack(b"x" * 1000) + packer.finish()
    assert (packer.size_bytes, packer.sha256) == (len(stream), sha256(stream).hexdigest())
    assert packer.unpacked_bytes == 1000
