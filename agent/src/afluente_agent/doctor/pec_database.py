"""A short look into PEC's database: may it be entered and read, is the role harmless, which PEC is it.

Invariant: read-only and bounded in time; nothing of a person is read: catalogue tables and PEC's own settings only.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import TYPE_CHECKING

from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.errors import PecError
from afluente_agent.pec import Installation, PecAddress, SessionLimits, check_role, opened, read_installation
from afluente_agent.protocol import fact_codes

if TYPE_CHECKING:
    import asyncpg

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
CONFIGURATION = "tb_config_sistema"
NEEDED = (
    "tb_fat_cidadao_pec",
    "tb_fat_atendimento_individual",
    "tb_fat_cad_individual",
    "tb_dim_unidade_saude",
    "tb_dim_equipe",
    "tb_dim_tempo",
)
LIMITS = SessionLimits(connect_seconds=4, statement_seconds=4, lock_seconds=2, idle_seconds=10, session_seconds=20)
TABLES = """
SELECT name, c.oid IS NOT NULL AS is_there, coalesce(has_table_privilege(c.oid, 'SELECT'), false) AS is_readable
  FROM unnest($1::text[]) AS asked(name)
  LEFT JOIN pg_catalog.pg_class c ON c.relname = name AND c.relnamespace = 'public'::regnamespace
"""


def speaks_postgres(host: str, port: int, seconds: float) -> bool:
    """Whether a PostgreSQL answers there: it tells by one letter whether it takes TLS."""
    try:
        with socket.create_connection((host, port), timeout=seconds) as opened:
            opened.sendall(SSL_REQUEST)
            return opened.recv(1) in (b"S", b"N", b"E")
    except OSError:
        return False


async def look(address: PecAddress) -> Installation | list[Finding]:
    """What PEC tells of itself, or what is wrong."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(opened(address, LIMITS))
        except PecError as error:
            return [of_connecting(error, address)]
        return await _look_around(connection, address)
    raise AssertionError("a session swallows nothing")


async def _look_around(connection: asyncpg.Connection, address: PecAddress) -> Installation | list[Finding]:
    async with connection.transaction(readonly=True):
        rows = await connection.fetch(TABLES, [CONFIGURATION, *NEEDED])
    tables: dict[str, tuple[bool, bool]] = {one["name"]: (one["is_there"], one["is_readable"]) for one in rows}
    if not tables[CONFIGURATION][0]:
        return [finding(fact_codes.DB_NOT_PEC, port=address.port, table=CONFIGURATION)]
    found: list[Finding] = []
    try:
        await check_role(connection)
    except PecError as error:
        reason = str(error.evidence.get("reason", ""))
        found.append(finding(fact_codes.PEC_ROLE_REFUSED, role=address.role, reason=reason))
    unreadable = [name for name, (is_there, is_readable) in tables.items() if is_there and not is_readable]
    missing = [name for name in NEEDED if not tables[name][0]]
    if unreadable:
        found.append(finding(fact_codes.DB_NOT_READABLE, role=address.role, table=", ".join(unreadable)))
    if missing:
        found.append(finding(fact_codes.QUERY_SCHEMA_DRIFT, relation=", ".join(missing)))
    return found or await read_installation(connection)


def of_connecting(error: PecError, address: PecAddress) -> Finding:
    """Why the database could not be entered: by the server's own code when it gave one."""
    cause = error.__context__
    match getattr(cause, "sqlstate", None):
        case "28P01":
            return finding(fact_codes.PEC_CREDENTIALS_CHANGED, role=address.role)
        case "28000" | "42501":
            return finding(fact_codes.DB_NOT_ALLOWED, role=address.role, host=address.host, port=address.port)
        case "3D000":
            return finding(fact_codes.DB_MISSING, database=address.database, port=address.port)
        case "53300":
            return finding(fact_codes.DB_TOO_MANY_CONNECTIONS, port=address.port)
        case "57P01" | "57P02" | "57P03":
            return finding(fact_codes.DB_RECOVERING, port=address.port)
        case _:
            return finding(fact_codes.DB_DOWN, host=address.host, port=address.port, reason=type(cause).__name__)
