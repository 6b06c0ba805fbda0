"""Options of the connector `files`, read into a frozen dataclass. Imports nothing heavy.

path: "dados/pedidos*.csv"      or a list; relative to the project, or absolute; ** descends
format: csv | jsonl | parquet   else by the extension, under .gz, .zst or .zip
members: "*.csv"                which files of a zip
optional: false                 true: no file at all is no error
empty: error | allow            a file without a single record
CSV: delimiter, quote, encoding, header, columns, skip_rows, skip_footer, max_columns, max_record_mb
bounds: max_unpacked_gb, max_unpack_ratio
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from afluente.core.errors import Problem
from afluente.core.nearest import did_you_mean
from afluente.project.settings import SourceSettings
from afluente.sources.files.encoding import ENCODINGS, canonical
from afluente.sources.options import Options

FileFormat = Literal["csv", "jsonl", "parquet"]
FORMATS: tuple[FileFormat, ...] = ("csv", "jsonl", "parquet")
_NAMED_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_MAX_BLOCK_MB = 1024


@dataclass(frozen=True, slots=True)
class Config:
    """A source of files. An empty format or delimiter is found by looking at each file."""

    name: str
    paths: tuple[str, ...]
    format: FileFormat | None = None
    members: str = "*"
    is_optional: bool = False
    allows_empty: bool = False
    encoding: str = "utf-8"
    delimiter: str = ""
    quote: str = '"'
    has_header: bool = True
    columns: tuple[str, ...] = ()
    skip_rows: int = 0
    skip_footer: int = 0
    max_columns: int = 2_000
    max_record_mb: int = 16
    max_unpacked_gb: int = 64
    max_unpack_ratio: int = 200


def parse(settings: SourceSettings) -> Config | list[Problem]:
    """The options, or every mistake in them."""
    options = Options(settings)
    paths = options.texts("path", required=True)
    if options.has("path") and not (paths and all(paths)):
        options.refuse("option 'path' is empty", "give a file or a pattern, such as dados/*.csv")
    config = Config(
        name=settings.name,
        paths=paths,
        format=cast("FileFormat | None", options.choice("format", FORMATS) or None),
        members=options.text("members", "*"),
        is_optional=options.flag("optional", default=False),
        allows_empty=options.choice("empty", ("error", "allow"), "error") == "allow",
        encoding=_encoding(options),
        delimiter=_delimiter(options),
        quote=_quote(options),
        has_header=options.flag("header", default=True),
        columns=options.texts("columns"),
        skip_rows=options.integer("skip_rows", 0),
        skip_footer=options.integer("skip_footer", 0, maximum=10_000),
        max_columns=options.integer("max_columns", 2_000, minimum=1),
        max_record_mb=options.integer("max_record_mb", 16, minimum=8, maximum=_MAX_BLOCK_MB),
        max_unpacked_gb=options.integer("max_unpacked_gb", 64, minimum=1),
        max_unpack_ratio=options.integer("max_unpack_ratio", 200, minimum=1),
    )
    if len({column.casefold() for column in config.columns}) < len(config.columns):
        options.refuse("option 'columns' names a column twice")
    if config.delimiter and config.delimiter == config.quote:
        options.refuse("options 'delimiter' and 'quote' are the same character")
    options.finish()
    return options.problems or config


def _encoding(options: Options) -> str:
    name = options.text("encoding", "utf-8")
    if canonical(name) is None:
        options.refuse(f"option 'encoding' is {name!r}, which does not exist", did_you_mean(name, ENCODINGS))
        return "utf-8"
    return name


def _delimiter(options: Options) -> str:
    written = options.text("delimiter")
    delimiter = _NAMED_DELIMITERS.get(written.casefold(), written)
    if len(delimiter.encode()) > 1 or delimiter in ("\r", "\n"):
        options.refuse(f"option 'delimiter' is {written!r}, which is not a single ASCII character")
        return ""
    return delimiter


def _quote(options: Options) -> str:
    written = options.text("quote", '"')
    quote = "" if written == "none" else written
    if len(quote.encode()) > 1 or quote in ("\r", "\n"):
        options.refuse(f"option 'quote' is {written!r}, which is neither none nor a single ASCII character")
        return '"'
    return quote
