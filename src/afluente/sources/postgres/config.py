"""Options of the connector `postgres`, read into a frozen dataclass. Imports nothing heavy.

host, port: 5432, database, user, password: secret:...   sslmode: disable | prefer | require | verify-full
table: schema.name | query: "SELECT ..."
incremental: {column: atualizado_em, overlap: 2 days, max_window_rows: 200000}      without it the whole is read
statement_timeout_seconds, connect_timeout_seconds, max_columns, max_record_mb
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from afluente.core.errors import Problem
from afluente.project.secret_reference import SecretReference
from afluente.project.settings import SourceSettings
from afluente.sources.options import Options

SslMode = Literal["disable", "prefer", "require", "verify-full"]
_SSL_MODES = ("disable", "prefer", "require", "verify-full")
_OVERLAP = re.compile(r"\d+(\.\d+)?( (second|minute|hour|day|week|month|year)s?)?")


@dataclass(frozen=True, slots=True)
class IncrementalConfig:
    """Rows whose `column` is not older than the highest value seen less `overlap` are looked at again each time."""

    column: str
    overlap: str
    max_window_rows: int = 200_000


@dataclass(frozen=True, slots=True)
class Config:
    """One table or query of one database."""

    name: str
    host: str
    database: str
    user: str | SecretReference | None
    password: SecretReference | None
    table: str
    query: str
    port: int = 5432
    sslmode: SslMode = "prefer"
    incremental: IncrementalConfig | None = None
    statement_timeout_seconds: int = 3600
    connect_timeout_seconds: int = 15
    max_columns: int = 2_000
    max_record_mb: int = 64


def parse(settings: SourceSettings) -> Config | list[Problem]:
    """The options, or every mistake in them."""
    options = Options(settings)
    config = Config(
        name=settings.name,
        host=options.text("host", required=True),
        port=options.integer("port", 5432, minimum=1, maximum=65_535),
        database=options.text("database", required=True),
        user=options.text_or_secret("user"),
        password=options.secret("password"),
        sslmode=cast("SslMode", options.choice("sslmode", _SSL_MODES, "prefer")),
        table=options.text("table"),
        query=options.text("query").strip().rstrip(";"),
        incremental=_incremental(options),
        statement_timeout_seconds=options.integer("statement_timeout_seconds", 3600, minimum=1),
        connect_timeout_seconds=options.integer("connect_timeout_seconds", 15, minimum=1),
        max_columns=options.integer("max_columns", 2_000, minimum=1),
        max_record_mb=options.integer("max_record_mb", 64, minimum=8, maximum=1024),
    )
    if bool(config.table) == bool(config.query):
        options.refuse("give either option 'table' or option 'query'", "table: schema.name")
    if config.table.count(".") > 1:
        options.refuse(f"option 'table' is {config.table!r}, which is not written name or schema.name")
    options.finish()
    return options.problems or config


def _incremental(options: Options) -> IncrementalConfig | None:
    section = options.section("incremental", example="{column: atualizado_em, overlap: 2 days}")
    if section is None:
        return None
    column = section.text("column", required=True)
    overlap = section.text("overlap", required=True)
    if overlap and not _OVERLAP.fullmatch(overlap):
        section.refuse(
            f"option 'incremental.overlap' is {overlap!r}, which is no span",
            "write overlap: 2 days, overlap: 6 hours, or a text of digits for a numeric column: overlap: '1000'",
        )
    window = section.integer("max_window_rows", 200_000, minimum=1)
    section.finish()
    return IncrementalConfig(column, overlap, window)
