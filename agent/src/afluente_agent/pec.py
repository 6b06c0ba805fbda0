"""The connection to PEC's PostgreSQL, what it says of itself, and the refusal of a role that may do too much.

Invariant: every session reads only, with bounds on time and memory set before the first statement; a role that could
write, run programs, read files of the server or pass row security is refused before anything of PEC is read. The SQL
holds for PostgreSQL 9.6 to 18.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from afluente_agent.errors import PecError
from afluente_agent.extraction_failure import down
from afluente_agent.protocol import fact_codes
from afluente_agent.startup_refusal import sqlstate_of_refusal

if TYPE_CHECKING:
    import asyncpg

ROLE = "esus_leitura"
DATABASE = "esus"
PORT = 5433
OLDEST_SERVER = 90600
_SAFE_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+){0,4}")
_POWERS = """
SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication
  FROM pg_catalog.pg_roles
 WHERE pg_catalog.pg_has_role(current_user, oid, 'member')
    OR rolname = session_user
"""
_DANGEROUS_MEMBERSHIPS = """
SELECT rolname::text
  FROM pg_catalog.pg_roles
 WHERE rolname IN ('pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files', 'pg_write_all_data')
   AND pg_catalog.pg_has_role(current_user, oid, 'member')
 ORDER BY rolname
"""
_WRITABLE = """
SELECT count(*)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'
   AND (pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')
        OR pg_catalog.has_any_column_privilege(c.oid, 'INSERT, UPDATE'))
"""
_CONFIGURED = """
SELECT co_config_sistema::text, ds_texto::text, ds_inteiro::text
  FROM public.tb_config_sistema
 WHERE co_config_sistema IN ('VERSAOBANCODADOS', 'TIPOINSTALACAO', 'TREINAMENTO')
"""


@dataclass(frozen=True, slots=True)
class PecAddress:
    host: str
    password: str = field(repr=False)
    port: int = PORT
    database: str = DATABASE
    role: str = ROLE


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Bounds of a session, so that PEC's users never feel the agent."""

    connect_seconds: int = 15
    statement_seconds: int = 900
    lock_seconds: int = 5
    idle_seconds: int = 120
    session_seconds: int = 1800
    """After this the session is ended from here: a server that froze keeps none of its own bounds."""
    work_memory_kib: int = 8192

    def settings(self) -> dict[str, str]:
        return {
            "application_name": "afluente-agent",
            "client_encoding": "UTF8",
            "default_transaction_read_only": "on",
            "statement_timeout": str(self.statement_seconds * 1000),
            "lock_timeout": str(self.lock_seconds * 1000),
            "idle_in_transaction_session_timeout": str(self.idle_seconds * 1000),
            "work_mem": f"{self.work_memory_kib}kB",
            "max_parallel_workers_per_gather": "0",
            "search_path": "pg_catalog, public",
            "standard_conforming_strings": "on",
            "DateStyle": "ISO, YMD",
            "IntervalStyle": "iso_8601",
            "extra_float_digits": "1",
            "bytea_output": "hex",
            "TimeZone": "UTC",
        }


@dataclass(frozen=True, slots=True)
class Installation:
    """What PEC says of itself. `version` is empty when it says nothing that looks like one."""

    version: str
    kind: str
    is_training: bool
    server_version: int


@contextlib.asynccontextmanager
async def connected(address: PecAddress, limits: SessionLimits | None = None) -> AsyncIterator[asyncpg.Connection]:
    """A session whose role was found harmless. PecError."""
    async with opened(address, limits or SessionLimits()) as connection:
        await check_role(connection)
        yield connection


@contextlib.asynccontextmanager
async def opened(address: PecAddress, limits: SessionLimits) -> AsyncIterator[asyncpg.Connection]:
    """A session that ends in its time; its role is not checked yet. PecError."""
    connection = await _connect(address, limits)
    end = asyncio.get_running_loop().call_later(limits.session_seconds, connection.terminate)
    try:
        yield connection
    finally:
        end.cancel()
        with contextlib.suppress(OSError):
            await connection.close(timeout=5)


async def _answered(address: PecAddress, limits: SessionLimits) -> asyncpg.Connection:
    """A session, or what the server said: asyncpg cannot read a refusal that is not UTF-8."""
    import asyncpg

    try:
        return await asyncpg.connect(
            host=address.host,
            port=address.port,
            user=address.role,
            password=address.password or None,
            database=address.database,
            timeout=limits.connect_seconds,
            statement_cache_size=0,
            server_settings=limits.settings(),
        )
    except asyncpg.ConnectionDoesNotExistError:
        code = await asyncio.to_thread(sqlstate_of_refusal, address, seconds=limits.connect_seconds)
        if not code:
            raise
        raise asyncpg.PostgresError.new({"C": code, "M": "refused"}) from None


async def _connect(address: PecAddress, limits: SessionLimits) -> asyncpg.Connection:
    import asyncpg

    try:
        return await _answered(address, limits)
    except asyncpg.InvalidPasswordError:
        raise PecError(
            fact_codes.PEC_CREDENTIALS_CHANGED,
            f"o banco do PEC não aceita a senha do usuário {address.role}",
            f"PEC's database does not take the password of {address.role}",
            "Confira o arquivo credenciais.txt da pasta do e-SUS ou peça a senha atual a quem cuida do PEC.",
            evidence={"role": address.role},
        ) from None
    except asyncpg.InvalidAuthorizationSpecificationError:
        raise PecError(
            fact_codes.DB_NOT_ALLOWED,
            f"o banco do PEC não deixa o usuário {address.role} entrar a partir desta máquina",
            f"PEC's database lets {address.role} not in from here",
            "Peça a quem cuida do PEC que devolva o usuário de leitura, ou rode o instalador do agente de novo.",
            evidence={"role": address.role, "host": address.host, "port": address.port},
        ) from None
    except asyncpg.TooManyConnectionsError:
        raise PecError(
            fact_codes.DB_TOO_MANY_CONNECTIONS,
            "o banco do PEC não aceita mais conexões agora",
            "PEC's database takes no further connection",
            "Nada a fazer: o agente tenta de novo sozinho.",
        ) from None
    except asyncpg.CannotConnectNowError:
        raise PecError(
            fact_codes.DB_RECOVERING,
            "o banco do PEC está iniciando ou se recuperando",
            "PEC's database is starting or recovering",
            "Nada a fazer: o agente tenta de novo sozinho.",
        ) from None
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise PecError(
            fact_codes.DB_DOWN,
            f"o banco do PEC não responde em {address.host}:{address.port}",
            f"PEC's database does not answer: {type(error).__name__}",
            "Confira se o serviço e-SUS-AB-PostgreSQL está em execução neste computador.",
            evidence={"host": address.host, "port": address.port, "reason": type(error).__name__},
        ) from None


async def check_role(connection: asyncpg.Connection) -> None:
    """Refuse a role that may do more than read. PecError with the code `pec.role_refused`."""
    with _asked_of_itself():
        async with connection.transaction(readonly=True):
            powers = await connection.fetch(_POWERS)
            memberships = await connection.fetch(_DANGEROUS_MEMBERSHIPS)
            writable = await connection.fetchval(_WRITABLE)
    for column, what_pt, what_en in (
        ("rolsuper", "é superusuário", "is a superuser"),
        ("rolbypassrls", "ignora a segurança por linha", "passes row security"),
        ("rolcreaterole", "pode criar usuários", "may create roles"),
        ("rolcreatedb", "pode criar bancos", "may create databases"),
        ("rolreplication", "pode replicar o banco", "may replicate"),
    ):
        if any(row[column] for row in powers):
            raise _refused(what_pt, what_en)
    if memberships:
        name = memberships[0]["rolname"]
        raise _refused(f"participa de {name}", f"is a member of {name}")
    if writable:
        raise _refused(f"pode escrever em {writable} tabelas", f"may write to {writable} tables")


async def read_installation(connection: asyncpg.Connection) -> Installation:
    """PEC's version and kind from `tb_config_sistema`. PecError when the table cannot be read."""
    import asyncpg

    try:
        with _asked_of_itself():
            async with connection.transaction(readonly=True):
                rows = await connection.fetch(_CONFIGURED)
                server_version = int(await connection.fetchval("SHOW server_version_num"))
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        raise PecError(
            fact_codes.DB_NOT_PEC,
            "o banco responde e não é o do PEC: não há nele a tabela tb_config_sistema",
            "the database is not PEC's: it has no tb_config_sistema",
            "Confira se este é o banco do PEC (esus), ou se o PEC mudou de máquina.",
            evidence={"table": "tb_config_sistema"},
        ) from None
    except asyncpg.InsufficientPrivilegeError:
        raise PecError(
            fact_codes.DB_NOT_READABLE,
            "a tabela tb_config_sistema do PEC não pode ser lida",
            "tb_config_sistema cannot be read",
            "Confira se o usuário esus_leitura tem permissão de leitura.",
            evidence={"table": "tb_config_sistema"},
        ) from None
    values = {row["co_config_sistema"]: row["ds_texto"] or row["ds_inteiro"] or "" for row in rows}
    found = _SAFE_VERSION.match(values.get("VERSAOBANCODADOS", "").strip())
    return Installation(
        version=found.group() if found else "",
        kind=values.get("TIPOINSTALACAO", "").strip()[:40],
        is_training=values.get("TREINAMENTO", "").strip().lower() in ("1", "t", "true", "s", "sim"),
        server_version=server_version,
    )


@contextlib.contextmanager
def _asked_of_itself() -> Iterator[None]:
    """PecError when the server stopped, or makes us wait longer than a reader may."""
    import asyncpg

    try:
        yield
    except (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError):
        raise PecError(
            fact_codes.QUERY_CANCELLED,
            "o banco do PEC está ocupado e não respondeu a tempo",
            "PEC's database is busy: a lock or its own time ended a question",
            "Nada a fazer: o agente tenta de novo sozinho.",
        ) from None
    except (asyncpg.OperatorInterventionError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError):
        raise down() from None


def _refused(what_pt: str, what_en: str) -> PecError:
    return PecError(
        fact_codes.PEC_ROLE_REFUSED,
        f"o usuário do banco {what_pt}; o agente só lê com um usuário que apenas lê",
        f"the role {what_en}; the agent reads only as a role that can do nothing but read",
        "Use o usuário de leitura do PEC, esus_leitura.",
        evidence={"role": ROLE, "reason": what_pt},
    )
