"""JSON lines: one object a line. Read twice, first for the keys and then for the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from afluente.core.errors import SourceError
from afluente.sources.json_records import MAX_REJECT_CHARACTERS, JsonObject, KeyUnion, Numbered, TextRows, decode
from afluente.sources.source import Parsed, Reject

Pieces = Callable[[], Iterator[bytes]]


def parse_jsonl(pieces: Pieces, *, unit: str, max_columns: int, max_record_bytes: int) -> Parsed | None:
    """`pieces` gives the text's bytes in UTF-8 from the beginning each time it is called. None when it is blank."""
    union = KeyUnion()
    lines = objects = 0
    for numbered in _records(pieces(), max_record_bytes):
        lines += 1
        if not isinstance(numbered.record, Reject):
            objects += 1
            union.add(numbered.record)
    if not lines:
        return None
    if not objects:
        raise SourceError(
            "source.format_wrong",
            f"{unit} is not JSON lines: none of its {lines} lines is an object",
            hint="write one object a line (a whole JSON document is not read), or set another format",
        )
    rows = TextRows(union.keys, unit=unit, max_columns=max_columns)
    return Parsed(rows.schema, rows.batches(_records(pieces(), max_record_bytes)), rows.warnings)


def _records(pieces: Iterator[bytes], max_record_bytes: int) -> Iterator[Numbered]:
    row = 0
    for line, text in _lines(pieces, max_record_bytes):
        if text is not None and not text.strip():
            continue
        row += 1
        yield Numbered(row, _record(row, line, text, max_record_bytes), len(text or b""))


def _record(row: int, line: int, text: bytes | None, max_record_bytes: int) -> JsonObject | Reject:
    if text is None:
        limit = max_record_bytes
        pt, en = f"a linha passa de {limit} bytes", f"the line is longer than {limit} bytes"
        return Reject(row, line, "", "jsonl.line_too_long", pt, en)
    shown = text.decode(errors="replace")[:MAX_REJECT_CHARACTERS].rstrip("\r\n")
    try:
        value = decode(text.decode())
    except ValueError:
        return Reject(row, line, shown, "jsonl.invalid", "a linha não é JSON válido", "the line is not valid JSON")
    if not isinstance(value, dict):
        return Reject(row, line, shown, "jsonl.not_object", "a linha não é um objeto", "the line is not an object")
    return value


def _lines(pieces: Iterator[bytes], max_record_bytes: int) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their numbers from 1; None in the place of a line longer than allowed."""
    number, kept, is_skipping = 0, b"", False
    for piece in pieces:
        lines = (kept + piece).split(b"\n")
        kept = lines.pop()
        for line in lines:
            number += 1
            yield number, None if is_skipping or len(line) > max_record_bytes else line
            is_skipping = False
        if is_skipping or len(kept) > max_record_bytes:
            kept, is_skipping = b"", True
    if kept or is_skipping:
        yield number + 1, None if is_skipping else kept
