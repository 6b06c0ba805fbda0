"""The form of a list on the wire: what is read back is what was packed; anything else is refused."""

from __future__ import annotations

import pytest
import zstandard
from afluente_agent.list_format import (
    Form,
    Limits,
    ListFormatError,
    Packer,
    TooManyBytesError,
    check_blocks,
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
KEY = b"a" * 24
FULL, DELTA = Form(True, (0,)), Form(False, (0,))


def packed(lines: bytes, form: Form = DELTA) -> bytes:
    packer = Packer(form)
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
    rows=st.lists(st.lists(VALUES, min_size=3, max_size=3), max_size=30),
    step=st.integers(1, 300),
    gone=st.booleans(),
    key=st.sampled_from([(0,), (2,), (1, 0), (0, 2), (2, 1, 0)]),
)
def test_what_was_packed_is_read_back_with_its_keys_and_hashes(
    rows: list[list[str | None]], step: int, gone: bool, key: tuple[int, ...]
) -> None:
    staged, values = b"", []
    for row in rows:
        fields = [copy_text(value) for value in row]
        values.append(b"\t".join(fields))
        digest = key_digest(b"\t".join([fields[place] for place in key]))
        staged += b"\t".join([b"I", key_text(digest), hash_text(row_digest(values[-1])), values[-1]]) + b"\n"
    form = Form(not gone, key)
    lines = form.text_of(values)
    if gone:
        lines += deletion(key_digest(b"1"))
        staged += b"D\t" + key_text(key_digest(b"1")) + rb"	\N\t\N\t\N\t\N".replace(rb"\t", b"\t") + b"\n"
    stream = packed(lines, form)
    assert unpacked(stream, columns=3, step=step) == staged
    assert b"".join(check_blocks([stream], columns=3, limits=PLENTY)) == lines


def test_a_whole_list_travels_as_copy_wrote_it() -> None:
    stream = packed(b"1\ta\n2\tb\n", FULL)
    text = zstandard.ZstdDecompressor().decompressobj().decompress(stream)
    assert text == b"full\t0\n1\ta\n2\tb\n"


def test_a_row_has_the_same_key_in_a_whole_list_and_in_a_delta() -> None:
    rows = [b"1\ta", b"2\tb"]
    lists = [packed(form.text_of(rows), form) for form in (FULL, DELTA)]
    assert unpacked(lists[0], columns=2) == unpacked(lists[1], columns=2)


@pytest.mark.parametrize(
    "first", [b"", b"full\n", b"full\t\n", b"some\t0\n", b"full\t2\n", b"full\t0,0\n", b"delta\t-1\n", b"full\t0"]
)
def test_a_list_without_its_form_is_refused(first: bytes) -> None:
    with pytest.raises(ListFormatError, match="the first line"):
        unpacked(zstandard.compress(first), columns=2)


def test_key_and_hash_are_uuids() -> None:
    from uuid import UUID

    assert UUID(key_text(key_digest(b"1")).decode()).bytes[:12] == key_digest(b"1")
    assert UUID(hash_text(row_digest(b"")).decode()).bytes[:9] == row_digest(b"")


@pytest.mark.parametrize(
    "values",
    [b"only one", b"a\tb\tone too many", rb"a\.TAB", rb"a\x41TAB", rb"a\NTAB", b"a\0\tb", b"a\r\tb", rb"\.", b""],
)
@pytest.mark.parametrize("form", [FULL, DELTA])
def test_a_row_of_another_form_is_refused(values: bytes, form: Form) -> None:
    good, bad = form.text_of([b"a\tb"]), form.text_of([values.replace(b"TAB", b"\tb")])
    with pytest.raises(ListFormatError):
        unpacked(packed(good + bad, form), columns=2)


@pytest.mark.parametrize(
    "line",
    [
        b"X\ta\tb\n",
        b"D\tshort\n",
        b"D\t" + KEY.upper() + b"\n",
        b"D\t" + KEY + b"\ta\n",
        b"D\n",
        b"a\tb\n",
        b"\n",
        b"I\ta\tb",
    ],
)
def test_a_line_of_a_delta_is_put_or_taken_away(line: bytes) -> None:
    with pytest.raises(ListFormatError):
        unpacked(packed(b"I\ta\tb\n" + line), columns=2)


def test_a_stream_cut_anywhere_is_refused() -> None:
    stream = packed(b"".join(b"I\t%d\tb\n" % n for n in range(500)))
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
    with pytest.raises(TooManyBytesError, match="1000000 bytes unpacked"):
        unpacked(bomb, columns=2, limits=Limits(rows=10, unpacked_bytes=1_000_000))


def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(ListFormatError, match="a line of more than"):
        unpacked(packed(b"a" * 3_000_000, FULL), columns=2)


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(ListFormatError, match="more than 3 rows"):
        unpacked(packed(b"I\ta\tb\n" * 4), columns=2, limits=Limits(rows=3, unpacked_bytes=10**6))


def test_size_and_digest_are_of_the_packed_stream() -> None:
    from hashlib import sha256

    packer = Packer(FULL)
    stream = packer.pack(b"x" * 1000) + packer.finish()
    assert (packer.size_bytes, packer.sha256) == (len(stream), sha256(stream).hexdigest())
    assert packer.unpacked_bytes == len(FULL.line()) + 1000
