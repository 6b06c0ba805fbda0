"""A landed file to rows: unpack, bring to UTF-8, read by its format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import PurePosixPath
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc

from afluente.core.errors import SourceError
from afluente.sources.delimited.dialect import Limits
from afluente.sources.delimited.reading import DelimitedText, Format
from afluente.sources.files.config import Config, FileFormat
from afluente.sources.files.encoding import to_utf8
from afluente.sources.files.jsonl import parse_jsonl
from afluente.sources.files.parquet import parse_parquet
from afluente.sources.source import SOURCE_ROW, Batch, Landed, Landing, Parsed
from afluente.sources.unpack import Bounds, ZipMembers, packing_of, unpack, unpacked_name

_FORMAT_OF_EXTENSION: dict[str, FileFormat] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_SPOOL_BYTES = 64 * 1024**2

Pieces = Callable[[], Iterator[bytes]]


class FileParser:
    """Parses landed files of one source."""

    def __init__(self, config: Config, landing: Landing) -> None:
        self._config = config
        self._landing = landing
        self._max_record_bytes = config.max_record_mb * 1024**2
        self._bounds = Bounds(max_bytes=config.max_unpacked_gb * 1024**3, max_ratio=config.max_unpack_ratio)

    def parse(self, landed: Landed) -> Parsed:
        if packing_of(landed.source) == "zip":
            return self._parse_zip(landed)
        name = unpacked_name(landed.source)
        unit = f"'{landed.source}'"
        if self._format_of(name, unit) == "parquet":
            return parse_parquet(self._binary(landed), unit=unit, max_columns=self._config.max_columns)
        parsed = self._parse_text(name, unit, lambda: self._pieces(landed))
        return self._accept_empty(unit) if parsed is None else parsed

    def _pieces(self, landed: Landed) -> Iterator[bytes]:
        with closing(self._landing.open(landed.file)) as stream:
            yield from unpack(
                stream,
                packing_of(landed.source),
                unit=f"'{landed.source}'",
                size_bytes=landed.file.size_bytes,
                bounds=self._bounds,
            )

    def _binary(self, landed: Landed) -> BinaryIO:
        if packing_of(landed.source) == "none":
            return self._landing.open(landed.file)
        copy = cast("BinaryIO", SpooledTemporaryFile(max_size=_SPOOL_BYTES))  # noqa: SIM115
        for piece in self._pieces(landed):
            copy.write(piece)
        copy.seek(0)
        return copy

    def _format_of(self, name: str, unit: str) -> FileFormat:
        if self._config.format is not None:
            return self._config.format
        found = _FORMAT_OF_EXTENSION.get(PurePosixPath(name).suffix.lower())
        if found is None:
            raise SourceError(
                "source.format_unknown",
                f"{unit}: the format of '{PurePosixPath(name).name}' is not known from its extension",
                hint="set the source's option format: csv, jsonl or parquet",
            )
        return found

    def _accept_empty(self, unit: str) -> Parsed:
        if not self._config.allows_empty:
            raise SourceError(
                "source.file_empty",
                f"{unit} is empty: it has neither header nor rows",
                hint="send the file again; where an empty file is normal, set empty: allow",
            )
        names = (*self._config.columns,)
        schema = pa.schema([*(pa.field(name, pa.string()) for name in names), pa.field(SOURCE_ROW, pa.int64())])
        return Parsed(schema, iter(()), (f"{unit} is empty",))

    def _parse_text(self, name: str, unit: str, pieces: Pieces) -> Parsed | None:
        """None when there is nothing but blanks."""
        if self._format_of(name, unit) == "jsonl":
            return parse_jsonl(
                lambda: to_utf8(pieces(), self._config.encoding, unit=unit),
                unit=unit,
                max_columns=self._config.max_columns,
                max_record_bytes=self._max_record_bytes,
            )
        text = self._open_csv(name, unit, pieces)
        return None if text.is_empty else Parsed(text.schema, text.batches(), text.warnings)

    def _open_csv(self, name: str, unit: str, pieces: Pieces) -> DelimitedText:
        config = self._config
        is_tabbed = PurePosixPath(name).suffix.lower() == ".tsv"
        return DelimitedText(
            to_utf8(pieces(), config.encoding, unit=unit),
            Format(
                delimiter=config.delimiter or ("\t" if is_tabbed else ""),
                quote=config.quote,
                has_header=config.has_header,
                columns=config.columns,
                skip_lines=config.skip_rows,
                skip_last_lines=config.skip_footer,
                limits=Limits(config.max_columns, self._max_record_bytes),
            ),
            unit=unit,
        )

    def _parse_zip(self, landed: Landed) -> Parsed:
        """The members one after another, their columns united by name, their rows numbered through."""
        unit = f"'{landed.source}'"
        members = self._open_zip(landed)
        fields: dict[str, pa.Field] = {}
        warnings: list[str] = []
        kept: list[str] = []
        with closing(members):
            for name in members.names:
                parsed = self._parse_member(members, name, unit)
                if parsed is not None:
                    fields.update({field.name: field for field in parsed.schema if field.name not in fields})
                    warnings.extend(parsed.warnings)
                    kept.append(name)
        if not kept:
            return self._accept_empty(unit)
        row = fields.pop(SOURCE_ROW)
        schema = pa.schema([*fields.values(), row])
        return Parsed(schema, self._zip_batches(landed, kept, schema), tuple(warnings))

    def _open_zip(self, landed: Landed) -> ZipMembers:
        return ZipMembers(
            self._landing.open(landed.file),
            unit=f"'{landed.source}'",
            pattern=self._config.members,
            bounds=self._bounds,
        )

    def _parse_member(self, members: ZipMembers, name: str, unit: str) -> Parsed | None:
        label = f"{unit}: '{name}'"
        if packing_of(name) != "none" or self._format_of(name, label) == "parquet":
            raise SourceError(
                "source.nested_packing",
                f"{label} is packed again or Parquet, which is not read inside a zip",
                hint="unpack it beside the zip, or choose other members with the option members",
            )
        return self._parse_text(name, label, lambda: members.pieces(name))

    def _zip_batches(self, landed: Landed, names: list[str], schema: pa.Schema) -> Iterator[Batch]:
        offset = 0
        with closing(self._open_zip(landed)) as members:
            for name in names:
                parsed = self._parse_member(members, name, f"'{landed.source}'")
                last = 0
                for batch in parsed.batches if parsed else ():
                    last = max(last, *_row_numbers(batch))
                    yield _renumbered(batch, offset, schema)
                offset += last


def _row_numbers(batch: Batch) -> Iterator[int]:
    yield 0
    if batch.rows.num_rows:
        yield batch.rows.column(SOURCE_ROW)[-1].as_py()
    if batch.rejects:
        yield batch.rejects[-1].source_row


def _renumbered(batch: Batch, offset: int, schema: pa.Schema) -> Batch:
    rows = batch.rows
    columns = [
        rows.column(field.name) if field.name in rows.schema.names else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    columns[-1] = pc.add(columns[-1], offset)
    rejects = tuple(replace(item, source_row=item.source_row + offset) for item in batch.rejects)
    return Batch(pa.RecordBatch.from_arrays(columns, schema=schema), rejects)
