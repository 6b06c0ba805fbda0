"""A landed copy to typed rows, without those delivered before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import IO

import pyarrow as pa

from afluente.sources.delimited.dialect import Limits
from afluente.sources.delimited.layout import name_columns
from afluente.sources.delimited.reading import DelimitedText, Format
from afluente.sources.postgres.config import Config
from afluente.sources.postgres.query import HASH_COLUMN, RECENT_COLUMN
from afluente.sources.postgres.types import PostgresColumn, values_of
from afluente.sources.postgres.window import SeenRows
from afluente.sources.source import SOURCE_ROW, Batch, Landed, Landing, Parsed, Reject
from afluente.sources.unpack import Bounds, unpack

_BOUNDS = Bounds(max_bytes=1024**5, max_ratio=10**9)


@dataclass(frozen=True, slots=True)
class CopyDescription:
    """What is kept beside a copy, so that it can be parsed without the server."""

    columns: tuple[PostgresColumn, ...]
    null_text: str
    is_incremental: bool
    seen: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        fields = {
            "columns": [[column.name, column.type] for column in self.columns],
            "null_text": self.null_text,
            "is_incremental": self.is_incremental,
            "seen": self.seen,
        }
        return json.dumps(fields, ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> CopyDescription:
        fields = json.loads(data)
        columns = tuple(PostgresColumn(name, kind) for name, kind in fields["columns"])
        return cls(columns, fields["null_text"], fields["is_incremental"], tuple(fields["seen"]))


def texts_of(
    stream: IO[bytes], size_bytes: int, described: CopyDescription, config: Config, unit: str
) -> DelimitedText:
    """The copy as text columns, the two added ones last when it is incremental."""
    added = (HASH_COLUMN, RECENT_COLUMN) if described.is_incremental else ()
    names, _ = name_columns([c.name for c in described.columns], unit=unit, max_columns=config.max_columns)
    return DelimitedText(
        unpack(stream, "zstd", unit=unit, size_bytes=size_bytes, bounds=_BOUNDS),
        Format(
            delimiter=",",
            columns=(*names, *added),
            null_text=described.null_text,
            drops_repeated_headers=False,
            limits=Limits(config.max_columns + len(added), config.max_record_mb * 1024**2),
        ),
        unit=unit,
    )


def parse_copy(landed: Landed, landing: Landing, config: Config) -> Parsed:
    if landed.companion is None:
        raise AssertionError("a copy has a description beside it")
    with closing(landing.open(landed.companion)) as stream:
        described = CopyDescription.from_bytes(stream.read())
    unit = f"'{landed.source}'"
    names, warnings = name_columns([c.name for c in described.columns], unit=unit, max_columns=config.max_columns)
    fields = [pa.field(name, column.arrow) for name, column in zip(names, described.columns, strict=True)]
    schema = pa.schema([*fields, pa.field(SOURCE_ROW, pa.int64())])
    return Parsed(schema, _batches(landed, landing, config, described, schema), warnings)


def _batches(
    landed: Landed, landing: Landing, config: Config, described: CopyDescription, schema: pa.Schema
) -> Iterator[Batch]:
    seen = SeenRows(described.seen)
    with closing(landing.open(landed.file)) as stream:
        text = texts_of(stream, landed.file.size_bytes, described, config, f"'{landed.source}'")
        for batch in text.batches():
            rows = batch.rows
            if described.is_incremental:
                unseen = seen.unseen(rows.column(HASH_COLUMN))
                rows = rows if unseen is None else rows.take(unseen)
                rows = rows.drop_columns([HASH_COLUMN, RECENT_COLUMN])
            typed = _typed(rows, schema)
            if typed.rows.num_rows or typed.rejects or batch.rejects:
                yield Batch(typed.rows, (*batch.rejects, *typed.rejects))


def _typed(rows: pa.RecordBatch, schema: pa.Schema) -> Batch:
    columns: list[pa.Array] = []
    wrong: dict[int, str] = {}
    for field in schema:
        if field.name == SOURCE_ROW:
            columns.append(rows.column(SOURCE_ROW))
            continue
        values, bad = values_of(rows.column(field.name), field.type)
        columns.append(values)
        for index in bad:
            wrong.setdefault(index, field.name)
    typed = pa.RecordBatch.from_arrays(columns, schema=schema)
    if not wrong:
        return Batch(typed)
    rejects = tuple(_reject(rows, index, schema.field(name)) for index, name in sorted(wrong.items()))
    kept = pa.array([index for index in range(rows.num_rows) if index not in wrong], pa.int64())
    return Batch(typed.take(kept), rejects)


def _reject(rows: pa.RecordBatch, index: int, field: pa.Field) -> Reject:
    cells = [column[index].as_py() for column in rows.columns[:-1]]
    return Reject(
        source_row=rows.column(SOURCE_ROW)[index].as_py(),
        line=0,
        text=json.dumps(dict(zip(rows.schema.names, cells, strict=False)), ensure_ascii=False),
        rule="postgres.value",
        reason_pt=f"o valor da coluna '{field.name}' não existe no tipo {field.type}",
        reason_en=f"the value of column '{field.name}' does not exist in type {field.type}",
    )
