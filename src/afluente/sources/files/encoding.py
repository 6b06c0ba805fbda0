"""Any declared encoding to UTF-8, checked byte by byte.

Invariant: nothing is replaced or guessed; a byte that the encoding does not know stops the reading with its offset.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from itertools import chain

from afluente.core.errors import SourceError

ENCODINGS = ("utf-8", "latin-1", "cp1252", "iso-8859-15", "utf-16", "utf-16-le", "utf-16-be", "cp850", "mac-roman")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE_BYTES = 4096


def canonical(name: str) -> str | None:
    """Python's name of a text encoding, or None when there is none of this name."""
    try:
        info = codecs.lookup(name)
    except LookupError:
        return None
    return info.name if getattr(info, "_is_text_encoding", True) else None


def to_utf8(pieces: Iterator[bytes], encoding: str, *, unit: str) -> Iterator[bytes]:
    """The text as UTF-8 without a byte order mark; a mark at the beginning beats the declared encoding."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= len(codecs.BOM_UTF32_LE):
            break
    name = canonical(encoding) or encoding
    offset = 0
    for mark, marked in _MARKS:
        if head.startswith(mark):
            name, offset = marked, len(mark)
            break
    else:
        _refuse_wide_text(head, name, unit)
    head = head[offset:]
    stream = chain((head,), pieces) if head else pieces
    if name == "utf-8":
        return _checked_utf8(stream, offset, unit)
    return _transcoded(stream, name, offset, unit)


def _refuse_wide_text(head: bytes, name: str, unit: str) -> None:
    sample = head[:_SAMPLE_BYTES]
    if name.startswith(("utf-16", "utf-32")) or sample.count(0) * 4 < len(sample) or len(sample) < len("a\0b\0"):
        return
    raise SourceError(
        "source.encoding",
        f"{unit} is not {name}: {sample.count(0)} of its first {len(sample)} bytes are zero",
        hint="it may be UTF-16 (set encoding: utf-16-le) or not a text at all",
    )


def _checked_utf8(pieces: Iterator[bytes], offset: int, unit: str) -> Iterator[bytes]:
    kept = b""
    for piece in pieces:
        data = kept + piece if kept else piece
        try:
            data.decode()
            kept = b""
        except UnicodeDecodeError as error:
            if error.reason != "unexpected end of data":
                raise _wrong_byte(unit, "utf-8", data[error.start], offset + error.start) from None
            kept, data = data[error.start :], data[: error.start]
        offset += len(data)
        yield data
    if kept:
        raise _wrong_byte(unit, "utf-8", kept[0], offset)


def _transcoded(pieces: Iterator[bytes], name: str, offset: int, unit: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(name)()
    for piece in chain(pieces, (None,)):
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(piece or b"", final=piece is None)
        except UnicodeDecodeError as error:
            raise _wrong_byte(unit, name, error.object[error.start], offset - pending + error.start) from None
        offset += len(piece or b"")
        yield text.encode()


def _wrong_byte(unit: str, name: str, byte: int, offset: int) -> SourceError:
    other = "cp1252 (or latin-1)" if name == "utf-8" else "utf-8"
    return SourceError(
        "source.encoding",
        f"{unit}: the byte 0x{byte:02x} at offset {offset} is not {name}",
        hint=f"set the source's option encoding, for example encoding: {other}",
    )
