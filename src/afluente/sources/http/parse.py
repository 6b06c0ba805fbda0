"""Landed pages to rows of text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

from afluente.sources.http.config import Config
from afluente.sources.http.page import decode_page, records_of
from afluente.sources.json_records import MAX_REJECT_CHARACTERS, JsonObject, KeyUnion, Numbered, TextRows
from afluente.sources.source import Landed, Landing, Parsed, Reject
from afluente.sources.unpack import Bounds, ZipMembers


def parse_pages(landed: Landed, landing: Landing, config: Config) -> Parsed:
    """Read twice: once for the keys, once for the rows."""
    union = KeyUnion()
    for numbered in _records(landed, landing, config):
        if not isinstance(numbered.record, Reject):
            union.add(numbered.record)
    rows = TextRows(union.keys, unit=f"'{landed.source}'", max_columns=config.max_columns)
    return Parsed(rows.schema, rows.batches(_records(landed, landing, config)), rows.warnings)


def _records(landed: Landed, landing: Landing, config: Config) -> Iterator[Numbered]:
    unit = f"'{landed.source}'"
    bounds = Bounds(max_bytes=1024**5, max_ratio=10**9, max_members=config.max_pages)
    row = 0
    members = ZipMembers(landing.open(landed.file), unit=unit, pattern="*.json", bounds=bounds)
    with closing(members):
        for name in members.names:
            body = b"".join(members.pieces(name))
            for value in records_of(decode_page(body, where=f"{unit}: {name}"), config.records, where=unit):
                row += 1
                record = value if isinstance(value, dict) else _not_object(row, value)
                yield Numbered(row, record, len(body) // 100)


def _not_object(row: int, value: object) -> JsonObject | Reject:
    shown = json.dumps(value, ensure_ascii=False)[:MAX_REJECT_CHARACTERS]
    return Reject(row, 0, shown, "http.not_object", "o registro não é um objeto", "the record is not an object")
