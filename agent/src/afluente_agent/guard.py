r"""What makes the text of a query harmless before anything of it runs.

A query's text comes from outside, so it is never judged by reading it: PostgreSQL itself is asked what it means.

1. The text stands in `SELECT <our columns> FROM (<text>) AS lista` and this whole statement is *prepared*, in a
   read-only transaction. Preparing parses and analyses, and runs nothing. The extended protocol takes one statement,
   the grammar takes nothing but a SELECT there, and a WITH that writes is not allowed below the top.
2. The prepared statement must have no parameters and exactly the columns and types of the catalogue.
3. PostgreSQL tells its parse tree (`debug_print_parse`), in which every function, operator, aggregate and relation is
   an OID. Each function must be PostgreSQL's own and immutable, or one of the few stable ones named here: so no
   `query_to_xml`, no `set_config`, no `lo_export`, no `dblink`, whatever it is called or hidden behind an operator.
   Each relation must be a table of schema public, not foreign and without foreign children: no view, no catalogue.
   No tree, no query. (The server writes the tree, which holds no data, to its own log as well.)
4. Only then is the same text put into COPY. A text that is by itself one whole statement has each of its parentheses
   closed within, its strings and comments too; so inside `COPY (\n<text>\n) TO STDOUT` the first parenthesis is
   closed by ours and by no other, and `) TO PROGRAM` cannot come of it.

Invariant: `checked` runs nothing of the query; what it returns is exactly the text that was judged.
Left to PEC's own administrators: who may change functions and tables between the check and the run may do so anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from afluente_agent.catalogue import Column, ListQuery
from afluente_agent.errors import CatalogueError, ExtractionError
from afluente_agent.protocol import fact_codes

if TYPE_CHECKING:
    import asyncpg

STABLE_FUNCTIONS = frozenset(
    {
        "age", "array_agg", "array_to_string", "concat", "concat_ws", "date", "date_part", "date_trunc", "extract",
        "format", "json_agg", "jsonb_agg", "lower", "now", "string_agg", "text", "timestamp", "timestamptz", "timezone",
        "to_char", "to_date", "to_number", "to_timestamp", "upper",
    }
)  # fmt: skip
"""Stable functions of PostgreSQL by name that only compute; operators of dates with time zones are known by pattern."""
_STABLE_COMPARISON = re.compile(r"(?:date|timestamp|timestamptz|time)_(?:(?:cmp|[lg][te]|eq|ne|mi|pl)_)?\w*")
_TYPE_FAMILIES: dict[str, frozenset[str]] = {
    "text": frozenset({"text", "varchar", "bpchar"}),
    "integer": frozenset({"int2", "int4", "int8"}),
    "number": frozenset({"numeric", "float4", "float8", "int2", "int4", "int8"}),
    "boolean": frozenset({"bool"}),
    "date": frozenset({"date"}),
    "timestamp": frozenset({"timestamp", "timestamptz"}),
}
_FUNCTION = re.compile(
    r" :(?:funcid|opfuncid|hashfuncid|negfuncid|elemfuncid|aggfnoid|winfnoid|startInRangeFunc|endInRangeFunc|tsmhandler)"
    r" (\d+)"
)
_OPERATOR = re.compile(r" :(?:opno|eqop|sortop) (\d+)")
_OPERATORS = re.compile(r" :opnos \(o ([\d ]+)\)")
_RELATION = re.compile(r" :relid (\d+)")
_COMMAND = re.compile(r" :commandType (\d+)")
_CTE_COMMAND_SELECT = "1"
_FORBIDDEN = (" :hasForUpdate true", " :hasModifyingCTE true", "{ROWMARKCLAUSE", "{SAMPLE")
_BAD_FUNCTIONS = """
SELECT n.nspname::text AS schema, p.proname::text AS name, p.provolatile::text AS volatility
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE p.oid = ANY ($1::oid[])
    OR p.oid IN (SELECT o.oprcode::oid FROM pg_catalog.pg_operator o WHERE o.oid = ANY ($2::oid[]))
"""
_BAD_RELATION = """
WITH RECURSIVE family AS (
  SELECT unnest($1::oid[]) AS oid
  UNION
  SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN family f ON f.oid = i.inhparent)
SELECT is_forbidden
  FROM (
    SELECT c.oid, c.oid IS NULL OR n.nspname <> 'public' OR c.relkind NOT IN ('r', 'p', 'm') AS is_forbidden
      FROM family f
      LEFT JOIN pg_catalog.pg_class c ON c.oid = f.oid
      LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace) AS seen
 WHERE is_forbidden
    OR NOT pg_catalog.has_table_privilege(oid, 'SELECT') AND NOT pg_catalog.has_any_column_privilege(oid, 'SELECT')
 ORDER BY is_forbidden DESC
 LIMIT 1
"""


class _Logged(Protocol):
    message: str
    detail: str | None


@dataclass(frozen=True, slots=True)
class CheckedQuery:
    """A statement that was judged: only `guard.checked` makes one. `copy_text` goes inside COPY's parentheses."""

    query: ListQuery
    copy_text: str


async def checked(connection: asyncpg.Connection, query: ListQuery, *, since: int = 0) -> CheckedQuery:
    """Judge a query inside the caller's read-only transaction. `since` is the first day (yyyymmdd) of its window.

    CatalogueError (`query.refused`) for what may not be asked; ExtractionError (`query.schema_drift`) when this PEC
    has not the tables, columns or types that the query needs, or lets the role not read them (`db.not_readable`).
    A server that is stopped, or busy with a lock, says nothing of the query: asyncpg's errors of that go through.
    """
    if not connection.is_in_transaction() or await connection.fetchval("SHOW transaction_read_only") != "on":
        raise AssertionError("a query is judged in a read-only transaction only")
    if "\0" in query.text:
        raise refused(query, "NUL")
    everything = await _prepare(connection, query, f"SELECT * FROM (\n{query.text}\n) AS lista")
    _check_columns(query, everything)
    statement = _statement(query, since=since)
    async with _parse_trees(connection) as trees:
        prepared = await _prepare(connection, query, statement)
    _check_columns(query, prepared)
    if len(trees) != 1:
        raise refused(query, "no parse tree")
    await _check_tree(connection, query, trees[0])
    return CheckedQuery(query, statement)


def _statement(query: ListQuery, *, since: int) -> str:
    names = ", ".join(f'lista."{column.name}"' for column in query.columns)
    text = f"SELECT {names} FROM (\n{query.text}\n) AS lista"
    if query.window is not None and since:
        text += f'\nWHERE lista."{query.window.column}" >= {since:d}'
    return text


async def _prepare(
    connection: asyncpg.Connection, query: ListQuery, statement: str
) -> asyncpg.prepared_stmt.PreparedStatement:
    import asyncpg

    try:
        async with connection.transaction():
            return await connection.prepare(statement)
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.UndefinedFunctionError) as error:
        raise drifted(query, _named(error)) from None
    except asyncpg.DatatypeMismatchError:
        raise drifted(query, "tipo") from None
    except asyncpg.InsufficientPrivilegeError:
        raise not_readable(query) from None
    except (asyncpg.LockNotAvailableError, asyncpg.OperatorInterventionError, asyncpg.PostgresConnectionError):
        raise
    except asyncpg.PostgresError as error:
        raise refused(query, error.sqlstate or "?") from None


def _check_columns(query: ListQuery, prepared: asyncpg.prepared_stmt.PreparedStatement) -> None:
    if prepared.get_parameters():
        raise refused(query, "parameters")
    found = prepared.get_attributes()
    wanted = query.columns
    names = [attribute.name for attribute in found]
    if names != [column.name for column in wanted]:
        raise refused(query, "columns")
    for attribute, column in zip(found, wanted, strict=True):
        if not _is_of_type(attribute.type, column):
            raise drifted(query, column.name)


def _is_of_type(found: asyncpg.Type, column: Column) -> bool:
    return found.schema == "pg_catalog" and found.name in _TYPE_FAMILIES[column.type]


@contextlib.asynccontextmanager
async def _parse_trees(connection: asyncpg.Connection) -> AsyncIterator[list[str]]:
    """The parse trees that the server tells while this is open, one a statement."""
    trees: list[str] = []

    def gather(_connection: object, logged: _Logged) -> None:
        if logged.message == "parse tree:" and logged.detail:
            tree = " ".join(logged.detail.split())
            if " :commandType 6 " not in tree[:40]:
                trees.append(tree)

    connection.add_log_listener(gather)
    await connection.execute("SET LOCAL client_min_messages = log; SET LOCAL debug_pretty_print = off")
    await connection.execute("SET LOCAL debug_print_parse = on")
    try:
        yield trees
        await connection.execute("SET LOCAL debug_print_parse = off")
        await connection.execute("SET LOCAL client_min_messages = warning")
        await asyncio.sleep(0)
    finally:
        connection.remove_log_listener(gather)


async def _check_tree(connection: asyncpg.Connection, query: ListQuery, tree: str) -> None:
    if set(_COMMAND.findall(tree)) != {_CTE_COMMAND_SELECT}:
        raise refused(query, "command")
    if any(forbidden in tree for forbidden in _FORBIDDEN):
        raise refused(query, "locks or samples")
    operators = _oids(_OPERATOR.findall(tree)) | _oids(oid for oids in _OPERATORS.findall(tree) for oid in oids.split())
    functions = _oids(_FUNCTION.findall(tree))
    for row in await connection.fetch(_BAD_FUNCTIONS, sorted(functions), sorted(operators)):
        if not _is_harmless(row["schema"], row["name"], row["volatility"]):
            raise refused(query, "function")
    is_forbidden = await connection.fetchval(_BAD_RELATION, sorted(_oids(_RELATION.findall(tree))))
    if is_forbidden is not None:
        raise refused(query, "relation") if is_forbidden else not_readable(query)


def _is_harmless(schema: str, name: str, volatility: str) -> bool:
    if schema != "pg_catalog" or volatility == "v":
        return False
    return volatility == "i" or name in STABLE_FUNCTIONS or _STABLE_COMPARISON.fullmatch(name) is not None


def _oids(found: Iterable[str]) -> set[int]:
    return {int(oid) for oid in found} - {0}


_QUOTED = re.compile(r"[\w.]+")


def _named(error: Exception) -> str:
    """The table or column that PostgreSQL says is missing: a name of the schema, never a value."""
    words = str(error).split('"')
    if len(words) > 1 and _QUOTED.fullmatch(words[1]):
        return words[1][:80]
    found = re.match(r"(?:column|coluna) ([\w.]+) (?:does not exist|não existe)", str(error))
    return found.group(1)[:80] if found else "função"


def drifted(query: ListQuery, what: str) -> ExtractionError:
    return ExtractionError(
        fact_codes.QUERY_SCHEMA_DRIFT,
        f"esta versão do PEC não tem '{what}' como a lista {query.name} espera",
        f"list {query.name}: '{what}' is not there or has another type in this version of PEC",
        "Nada a fazer aqui: a equipe da central ajusta a lista para esta versão do PEC.",
        evidence={"list": query.name, "relation": what},
    )


def not_readable(query: ListQuery) -> ExtractionError:
    return ExtractionError(
        fact_codes.DB_NOT_READABLE,
        f"o usuário do banco não pode ler uma tabela da lista {query.name}",
        f"list {query.name}: the role may not read a table",
        "Peça a quem cuida do PEC a permissão de leitura do usuário esus_leitura.",
        evidence={"list": query.name},
    )


def refused(query: ListQuery, reason: str) -> CatalogueError:
    return CatalogueError(
        fact_codes.QUERY_REFUSED,
        f"a consulta da lista {query.name} foi recusada pelo agente",
        f"list {query.name}: the query was refused ({reason})",
        "Nada foi lido do PEC com ela. Avise a equipe da central.",
        evidence={"list": query.name, "reason": reason},
    )
