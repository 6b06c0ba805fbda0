"""One snapshot copied out of the server into a compressed local file, without parsing a row."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pyarrow as pa

from afluente.core.errors import SourceError
from afluente.core.nearest import did_you_mean
from afluente.project.secret_reference import SecretReference
from afluente.sources.postgres.config import Config
from afluente.sources.postgres.query import HASH_COLUMN, RECENT_COLUMN, Window, base_query
from afluente.sources.postgres.types import PostgresColumn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_FORMAT_TYPES = """
    SELECT coalesce(format_type(a.oid, nullif(a.typmod, -1)), '') AS type
    FROM unnest($1::oid[], $2::int[]) WITH ORDINALITY AS a(oid, typmod, n) ORDER BY a.n
"""
_TABLE_TYPMODS = """
    SELECT attname, atttypmod FROM pg_catalog.pg_attribute
    WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
"""


@dataclass(frozen=True, slots=True)
class Copied:
    """What came: its columns (without the two added ones), a digest of the text, and the highest value seen."""

    columns: tuple[PostgresColumn, ...]
    sha256: str
    high: str | None
    null_text: str


@asynccontextmanager
async def connected(config: Config, resolve: Callable[[SecretReference], str]) -> AsyncIterator[asyncpg.Connection]:
    user, password = config.user, config.password
    connection = await asyncpg.connect(
        host=config.host,
        port=config.port,
        database=config.database,
        user=resolve(user) if isinstance(user, SecretReference) else user,
        password=resolve(password) if password else None,
        ssl=ssl.create_default_context() if config.sslmode == "verify-full" else config.sslmode,
        timeout=config.connect_timeout_seconds,
        server_settings={
            "application_name": "afluente",
            "TimeZone": "UTC",
            "DateStyle": "ISO, YMD",
            "IntervalStyle": "iso_8601",
            "bytea_output": "hex",
            "default_transaction_read_only": "on",
            "statement_timeout": str(config.statement_timeout_seconds * 1000),
        },
    )
    try:
        yield connection
    finally:
        await connection.close(timeout=config.connect_timeout_seconds)


async def describe(connection: asyncpg.Connection, config: Config) -> tuple[PostgresColumn, ...]:
    """The columns of the table or query, with their exact types where the table tells them."""
    statement = await connection.prepare(f"SELECT * FROM {base_query(config)}")
    attributes = statement.get_attributes()
    typmods: dict[str, int] = {}
    if config.table:
        name = base_query(config).removeprefix("(SELECT * FROM ").removesuffix(") AS q")
        typmods = {row["attname"]: row["atttypmod"] for row in await connection.fetch(_TABLE_TYPMODS, name)}
    oids = [attribute.type.oid for attribute in attributes]
    modifiers = [typmods.get(attribute.name, -1) for attribute in attributes]
    types = await connection.fetch(_FORMAT_TYPES, oids, modifiers)
    return tuple(PostgresColumn(a.name, row["type"]) for a, row in zip(attributes, types, strict=True))


async def copy_out(connection: asyncpg.Connection, config: Config, target: Path, *, low: str | None) -> Copied:
    """Copy the rows since `low` (all without it) to `target` as zstd-compressed CSV with a header."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        columns = await describe(connection, config)
        base = base_query(config)
        high: str | None = None
        sql = f"SELECT * FROM {base}"
        if config.incremental is not None:
            window = Window(config.incremental, _type_of(config.incremental.column, columns))
            high = await connection.fetchval(window.high(base)) or low
            sql = window.rows(base, low=low, high=high)
        is_single = len(columns) == 1 and config.incremental is None
        null_text = "\\N" if is_single else ""
        digest = hashlib.sha256()
        with pa.CompressedOutputStream(str(target), "zstd") as output:
            sink = _sink(output, digest, config.max_record_mb * 1024**2)
            await connection.copy_from_query(
                sql, output=sink, format="csv", header=True, null=null_text, force_quote=True if is_single else None
            )
    return Copied(columns, digest.hexdigest(), high, null_text)


def _sink(output: pa.NativeFile, digest: hashlib._Hash, max_bytes: int) -> Callable[[bytes], Awaitable[None]]:
    async def write(data: bytes) -> None:
        if len(data) > max_bytes:
            raise SourceError(
                "source.record_too_long",
                f"one row takes {len(data)} bytes, more than the {max_bytes} allowed",
                hint="leave the large column out with a query, or raise max_record_mb",
            )
        digest.update(data)
        output.write(data)

    return write


def _type_of(name: str, columns: tuple[PostgresColumn, ...]) -> str:
    for column in columns:
        if column.name in (HASH_COLUMN, RECENT_COLUMN):
            raise SourceError(
                "source.column_reserved", f"column '{column.name}' is reserved", hint="rename it in a query"
            )
        if column.name == name:
            return column.type
    raise SourceError(
        "source.column_missing",
        f"the incremental column '{name}' does not exist",
        hint=did_you_mean(name, [column.name for column in columns]),
    )
