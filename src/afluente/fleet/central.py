"""The central PostgreSQL: one table a list, and a row for each transmission that was loaded.

Invariant: a transmission's rows and its row in `afluente_loads` come in one transaction, so that it is loaded once
whatever process dies where; a delta is applied on its base and on nothing else; the stage writes no WAL.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from afluente.fleet import merge_sql
from afluente.fleet.refusal import FleetError
from afluente.fleet.transmission import MOST_COLUMNS, Transmission, check_names

DDL_LOCK = 0x4146_4344
CONNECT_SECONDS = 10
STATEMENTS = 60
MOST_TABLE_COLUMNS = 2 * MOST_COLUMNS
SESSION_SETTINGS = {
    "application_name": "afluente",
    "client_encoding": "UTF8",
    "timezone": "UTC",
    "plan_cache_mode": "force_custom_plan",
    "lock_timeout": "30s",
    "statement_timeout": "15min",
    "idle_in_transaction_session_timeout": "2min",
}
SCHEMA = merge_sql.quoted("public")
PROBE = f"SELECT count(*) FROM (SELECT 1 FROM {SCHEMA}.{merge_sql.LOADS} ORDER BY transmission_id LIMIT 100) AS p"


@dataclass(frozen=True, slots=True)
class Merged:
    """What a load changed; `is_repeat` says that an earlier attempt had committed it."""

    inserted: int
    updated: int
    deleted: int
    is_repeat: bool = False


class Central:
    """A pool of connections, opened at first use. Use it in an `async with`, or close it."""

    def __init__(self, dsn: str, *, connections: int = 4) -> None:
        self._dsn = dsn
        self._connections = connections
        self._pool: Any = None
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.close()

    async def load(self, transmission: Transmission, content: AsyncIterator[bytes], *, at: datetime) -> Merged:
        """Bring a transmission in, at most once. `content` is the unpacked text, of which nothing is kept in memory.

        Raises FleetError: retryable when the database is the reason, final when the transmission is.
        """
        check_names(transmission)
        async with self._session() as connection:
            columns = await self._prepare(connection, transmission)
            async with connection.transaction():
                await connection.execute(
                    "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
                    f"{transmission.site}/{transmission.list_name}",
                )
                if (before := await self._before(connection, transmission)) is not None:
                    return before
                stage = await self._fill_stage(connection, transmission, content)
                return await self._merge(connection, transmission, stage, columns, at)

    async def probe(self) -> float:
        """Milliseconds that a small query takes, the wait for the server included."""
        async with self._session() as connection:
            started = time.perf_counter()
            await connection.fetchval(PROBE)
            return (time.perf_counter() - started) * 1000

    def _table(self, list_name: str) -> str:
        return f"{SCHEMA}.{merge_sql.quoted(list_name)}"

    @property
    def _loads(self) -> str:
        return f"{SCHEMA}.{merge_sql.LOADS}"

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Any]:
        import asyncpg

        try:
            pool = await self._open()
            async with pool.acquire(timeout=CONNECT_SECONDS) as connection:
                yield connection
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            raise FleetError("loading.rows", "a line of the list is not as the format wants it") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            state = getattr(error, "sqlstate", None) or type(error).__name__
            raise FleetError(
                "central.failed", f"the central database failed: {state}", hint="it is tried again", retryable=True
            ) from error

    async def _open(self) -> Any:
        import asyncpg

        async with self._opening:
            if self._pool is None:
                first = await asyncpg.connect(self._dsn, timeout=CONNECT_SECONDS, server_settings=SESSION_SETTINGS)
                try:
                    compression = await _wal_compression(first)
                finally:
                    await first.close()
                pool = await asyncpg.create_pool(
                    self._dsn,
                    min_size=0,
                    max_size=self._connections,
                    timeout=CONNECT_SECONDS,
                    statement_cache_size=STATEMENTS,
                    server_settings=SESSION_SETTINGS | compression,
                )
                try:
                    async with pool.acquire() as connection, connection.transaction():
                        await connection.execute(f"SELECT pg_advisory_xact_lock({DDL_LOCK})")
                        if await connection.fetchval("SELECT to_regclass($1)", self._loads) is None:
                            await connection.execute(merge_sql.CREATE_LOADS.format(loads=self._loads))
                except BaseException:
                    await pool.close()
                    raise
                self._pool = pool
        return self._pool

    async def _prepare(self, connection: Any, transmission: Transmission) -> tuple[str, ...]:
        """The list's table with at least the transmission's columns; all its value columns."""
        table = self._table(transmission.list_name)
        found = await self._columns_of(connection, table)
        if found and set(transmission.columns) <= set(found):
            return found
        async with connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({DDL_LOCK})")
            found = await self._columns_of(connection, table)
            new = [column for column in transmission.columns if column not in found]
            if len(found) + len(new) > MOST_TABLE_COLUMNS:
                raise FleetError("loading.columns", f"the list's table would have over {MOST_TABLE_COLUMNS} columns")
            if not found:
                await connection.execute(merge_sql.create_list(table, transmission.columns))
            elif new:
                await connection.execute(merge_sql.widen_list(table, new))
            return await self._columns_of(connection, table)

    async def _columns_of(self, connection: Any, table: str) -> tuple[str, ...]:
        rows = await connection.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped "
            "AND attname NOT IN ('site', 'row_key', 'row_hash', 'updated_at') ORDER BY attnum",
            table,
        )
        return tuple(row[0] for row in rows)

    async def _before(self, connection: Any, transmission: Transmission) -> Merged | None:
        """What was committed already; FleetError when the transmission does not follow what stands."""
        rows = await connection.fetch(
            merge_sql.standing(self._loads), UUID(transmission.id), transmission.site, transmission.list_name
        )
        own = next((row for row in rows if row["is_own"]), None)
        if own is not None:
            return Merged(own["inserted"], own["updated"], own["deleted"], is_repeat=True)
        head = rows[0] if rows else None
        if transmission.kind == "delta":
            if head is None or str(head["transmission_id"]) != transmission.base:
                raise FleetError("loading.base_missing", "the delta's base is not what stands", hint="send it whole")
            if head["schema_hash"] != transmission.schema:
                raise FleetError("loading.schema_changed", "the delta has not its base's columns", hint="send it whole")
        elif head is not None and head["started_at"] > transmission.started_at:
            raise FleetError("loading.superseded", "a transmission that began later is loaded already")
        return None

    async def _fill_stage(self, connection: Any, transmission: Transmission, content: AsyncIterator[bytes]) -> str:
        stage = merge_sql.stage_name(transmission.list_name, transmission.columns)
        await connection.execute(merge_sql.create_stage(stage, transmission.columns))
        await connection.copy_to_table(
            stage, source=content, columns=["op", "row_key", "row_hash", *transmission.columns], format="text"
        )
        rows, keys, deletes = await connection.fetchrow(merge_sql.count_stage(stage))
        if rows != transmission.rows:
            raise FleetError("loading.row_count", f"the list has {rows} lines, not the announced {transmission.rows}")
        if keys != rows:
            raise FleetError("loading.repeated_key", f"{rows - keys} lines of the list repeat a key")
        if transmission.kind == "full" and deletes:
            raise FleetError("loading.rows", "a full list takes rows away")
        return stage

    async def _merge(
        self, connection: Any, transmission: Transmission, stage: str, columns: tuple[str, ...], at: datetime
    ) -> Merged:
        lacking = [column for column in columns if column not in transmission.columns]
        row = await connection.fetchrow(
            merge_sql.merge(
                self._table(transmission.list_name),
                stage,
                self._loads,
                transmission.columns,
                lacking,
                is_full=transmission.kind == "full",
            ),
            transmission.site,
            at,
            UUID(transmission.id),
            transmission.list_name,
            transmission.kind,
            transmission.schema,
            transmission.started_at,
        )
        return Merged(row["inserted"], row["updated"], row["deleted"])


async def _wal_compression(connection: Any) -> dict[str, str]:
    """Compressed page images in the WAL of our sessions, where our role may ask for it.

    From PostgreSQL 15: `GRANT SET ON PARAMETER wal_compression TO role`.
    """
    if connection.get_server_version().major < 15:
        return {}
    kinds = await connection.fetchval(
        "SELECT enumvals FROM pg_settings WHERE name = 'wal_compression' "
        "AND has_parameter_privilege('wal_compression', 'SET')"
    )
    return next(({"wal_compression": kind} for kind in ("zstd", "lz4", "pglz") if kind in (kinds or ())), {})
