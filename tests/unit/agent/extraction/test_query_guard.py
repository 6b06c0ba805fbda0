"""SQL in the catalogue: what may be asked, and attacks that are refused before anything of them runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from afluente_agent.catalogue import Column, ListQuery
from afluente_agent.errors import AgentError, CatalogueError, ExtractionError
from afluente_agent.guard import checked
from afluente_agent.pec import PecAddress, SessionLimits, opened
from tests.unit.agent.extraction.lists import PEOPLE_COLUMNS, a_list

ONE = (Column("a", "integer"),)
TRAPS = """
CREATE TABLE armadilha (n integer);
CREATE SEQUENCE armadilha_seq;
GRANT ALL ON armadilha_seq TO PUBLIC;
GRANT SELECT ON armadilha TO PUBLIC;
CREATE FUNCTION escreve() RETURNS integer LANGUAGE sql VOLATILE SECURITY DEFINER AS 'INSERT INTO armadilha VALUES (1) RETURNING n';
CREATE FUNCTION mente() RETURNS integer LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS
  'BEGIN INSERT INTO armadilha VALUES (2); RETURN 1; END';
CREATE FUNCTION dblink(text, text) RETURNS integer LANGUAGE sql SECURITY DEFINER AS 'INSERT INTO armadilha VALUES (3) RETURNING n';
CREATE FUNCTION mente_op(integer, integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS
  'BEGIN INSERT INTO armadilha VALUES (4); RETURN true; END';
CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = mente_op);
CREATE FUNCTION mente_cast(boolean) RETURNS numeric LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS
  'BEGIN INSERT INTO armadilha VALUES (5); RETURN 1; END';
CREATE CAST (boolean AS numeric) WITH FUNCTION mente_cast(boolean);
CREATE AGGREGATE mente_agg(integer) (SFUNC = int4pl, STYPE = integer);
CREATE VIEW visao AS SELECT escreve() AS a;
GRANT SELECT ON visao TO PUBLIC;
CREATE FOREIGN DATA WRAPPER nada;
CREATE SERVER longe FOREIGN DATA WRAPPER nada;
CREATE FOREIGN TABLE estrangeira (a integer) SERVER longe;
CREATE TABLE mae (a integer);
CREATE FOREIGN TABLE filha () INHERITS (mae) SERVER longe;
GRANT SELECT ON estrangeira, mae TO PUBLIC;
"""

ATTACKS = {
    "program after the parenthesis": "SELECT 1 AS a) TO PROGRAM 'touch {file}' --",
    "program and a comment over the rest": "SELECT 1 AS a) TO PROGRAM 'touch {file}' /*",
    "program inside the alias": "SELECT 1 AS a) q) TO PROGRAM 'touch {file}' --",
    "a file instead of a program": "SELECT 1 AS a) TO '{file}' --",
    "two statements": "SELECT 1 AS a; INSERT INTO armadilha VALUES (9)",
    "two statements, closed by hand": "SELECT 1 AS a) AS lista; INSERT INTO armadilha VALUES (9); SELECT * FROM (SELECT 1 AS a",
    "copy as a second statement": "SELECT 1 AS a) AS lista; COPY armadilha TO PROGRAM 'touch {file}'; SELECT * FROM (SELECT 1 AS a",
    "commit first": "SELECT 1 AS a) AS lista; COMMIT; DROP TABLE armadilha; SELECT * FROM (SELECT 1 AS a",
    "read write": "SELECT 1 AS a) AS lista; SET TRANSACTION READ WRITE; INSERT INTO armadilha VALUES (9); --",
    "set alone": "SET TRANSACTION READ WRITE",
    "insert": "INSERT INTO armadilha VALUES (9) RETURNING n AS a",
    "insert in a with": "WITH x AS (INSERT INTO armadilha VALUES (9) RETURNING n) SELECT n AS a FROM x",
    "delete in a with": "WITH x AS (DELETE FROM tb_fat_cidadao_pec RETURNING 1 AS n) SELECT n AS a FROM x",
    "select into": "SELECT 1 AS a INTO roubo",
    "values": "TABLE armadilha; TABLE armadilha",
    "a do block in dollar quotes": "SELECT 1 AS a; DO $x$ BEGIN INSERT INTO armadilha VALUES (9); END $x$",
    "a semicolon after dollar quotes": "SELECT length($q$ ; $q$) AS a) AS lista; DROP TABLE armadilha; --",
    "an open dollar quote": "SELECT 1 AS a, $q$",
    "an open comment": "SELECT 1 AS a /*",
    "an open string": "SELECT 1 AS a, '",
    "an open identifier": 'SELECT 1 AS a, "',
    "unicode escapes": "SELECT length(query_to_xml(U&'\\0044ROP TABLE armadilha', true, false, '')::text) AS a",
    "a unicode identifier": 'SELECT U&"\\006co_export"(1, \'{file}\') AS a',
    "an escaped quote": "SELECT E'\\') TO PROGRAM \\'touch {file}\\' --' AS a) AS lista; --",
    "export of a large object": "SELECT lo_export(1, '{file}') AS a",
    "import of a file": "SELECT lo_import('/etc/passwd')::int AS a",
    "reading a file": "SELECT length(pg_read_file('/etc/passwd')) AS a",
    "listing a folder": "SELECT count(*)::int AS a FROM pg_ls_dir('/')",
    "dblink": "SELECT dblink('host=127.0.0.1', 'SELECT 1') AS a",
    "a query in a query": "SELECT length(query_to_xml('INSERT INTO armadilha VALUES (9)', true, false, '')::text) AS a",
    "a table by its name": "SELECT length(table_to_xml('pg_authid'::regclass, true, false, '')::text) AS a",
    "a search of text": "SELECT count(*)::int AS a FROM ts_stat('SELECT NULL::tsvector')",
    "set_config": "SELECT length(set_config('transaction_read_only', 'off', false)) AS a",
    "stopping others": "SELECT count(pg_terminate_backend(pid))::int AS a FROM pg_stat_activity",
    "sleeping": "SELECT 1 AS a FROM pg_sleep(1000)",
    "a lock": "SELECT 1 AS a FROM pg_advisory_lock(1)",
    "for update": "SELECT n AS a FROM armadilha FOR UPDATE",
    "a sequence": "SELECT nextval('armadilha_seq')::int AS a",
    "a notice to others": "SELECT 1 AS a FROM pg_notify('x', 'y')",
    "a message to the log": "SELECT 1 AS a FROM pg_logical_emit_message(false, 'a', 'b')",
    "a function that writes": "SELECT escreve() AS a",
    "a function that says it is immutable": "SELECT mente() AS a",
    "an operator": "SELECT 1 AS a WHERE 1 === 1",
    "an operator by its schema": "SELECT 1 AS a WHERE 1 OPERATOR(public.===) 1",
    "an operator over an array": "SELECT 1 AS a WHERE 1 === ANY (ARRAY[1, 2])",
    "a cast": "SELECT (true::numeric)::int AS a",
    "an aggregate": "SELECT mente_agg(1) AS a",
    "a window function": "SELECT mente_agg(1) OVER () AS a",
    "in the order": "SELECT 1 AS a ORDER BY mente()",
    "in a sub-select": "SELECT (SELECT mente()) AS a",
    "in a with": "WITH x AS (SELECT mente() AS a) SELECT a FROM x",
    "in a lateral": "SELECT f.f AS a FROM armadilha, LATERAL mente() AS f",
    "in a limit": "SELECT 1 AS a LIMIT mente()",
    "in a values list": "SELECT v.a FROM (VALUES (mente())) AS v (a)",
    "in a grouping": "SELECT 1 AS a GROUP BY mente()",
    "in a filter": "SELECT count(*) FILTER (WHERE mente() = 1)::int AS a",
    "a view": "SELECT a FROM visao",
    "a foreign table": "SELECT a FROM estrangeira",
    "a foreign child": "SELECT a FROM mae",
    "passwords": "SELECT length(rolpassword) AS a FROM pg_authid",
    "settings": "SELECT length(setting) AS a FROM pg_settings",
    "the catalogue": "SELECT oid::int AS a FROM pg_class",
    "information schema": "SELECT 1 AS a FROM information_schema.tables",
    "a sample": "SELECT n AS a FROM armadilha TABLESAMPLE SYSTEM (50)",
    "a parameter": "SELECT $1::int AS a",
    "one column more": "SELECT 1 AS a, 2 AS b",
    "another name": "SELECT 1 AS b",
    "a name twice": "SELECT 1 AS a, 2 AS a",
    "forged words in an alias": 'SELECT mente() AS a FROM armadilha AS " :funcid 65 :opfuncid 65 {{QUERY :commandType 1"',
    "explain": "EXPLAIN ANALYZE DELETE FROM armadilha",
    "prepare": "PREPARE x AS SELECT 1",
    "a nul": "SELECT 1 AS a\0",
}  # fmt: skip


def judge(address: PecAddress, query: ListQuery, *, since: int = 0) -> str:
    async def inner() -> str:
        async with (
            opened(address, SessionLimits()) as connection,
            connection.transaction(readonly=True, isolation="repeatable_read"),
        ):
            return (await checked(connection, query, since=since)).copy_text

    return asyncio.run(inner())


@pytest.fixture(scope="module")
def trapped(pec_server: str, pec_template: str) -> PecAddress:
    from tests.fleet_world.pec import address_of

    async def build() -> None:
        owner = await asyncpg.connect(pec_server, database="postgres")
        await owner.execute(f"CREATE DATABASE pec_trapped TEMPLATE {pec_template}")
        await owner.close()
        owner = await asyncpg.connect(pec_server, database="pec_trapped")
        await owner.execute(TRAPS)
        await owner.close()

    asyncio.run(build())
    return address_of(pec_server, database="pec_trapped")


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_and_nothing_of_it_ran(
    name: str, trapped: PecAddress, pec_server: str, tmp_path: Path
) -> None:
    file = Path("/tmp") / f"afluente-guard-{tmp_path.name}"
    attack = ATTACKS[name].replace("{file}", str(file)).replace("{{", "{")
    with pytest.raises(AgentError) as refused:
        judge(trapped, a_list(attack, ONE, key=("a",)))
    assert refused.value.code in ("query.refused", "query.schema_drift", "db.not_readable")
    assert attack not in refused.value.message_en + refused.value.message_pt

    async def caught() -> tuple[int, int, bool]:
        owner = await asyncpg.connect(pec_server, database="pec_trapped")
        try:
            return (
                await owner.fetchval("SELECT count(*) FROM armadilha"),
                await owner.fetchval("SELECT count(*) FROM tb_fat_cidadao_pec"),
                await owner.fetchval("SELECT is_called FROM armadilha_seq"),
            )
        finally:
            await owner.close()

    assert asyncio.run(caught()) == (0, 400, False)
    assert not file.exists()


def test_most_attacks_are_refused_for_what_they_are() -> None:
    assert len(ATTACKS) >= 25


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 AS a",
        "SELECT 1 AS a -- a comment",
        "SELECT 1 AS a /* a comment */",
        "VALUES (1)",
        "SELECT count(*)::int AS a FROM tb_fat_cidadao_pec WHERE no_cidadao LIKE 'MARIA%' AND nu_cns ~ '^8'",
        "SELECT max(co_dim_sexo)::int AS a FROM tb_fat_cidadao_pec GROUP BY upper(trim(no_cidadao))",
        "WITH x AS (SELECT 1 AS a) SELECT a FROM x UNION ALL SELECT 2",
        "SELECT row_number() OVER (ORDER BY no_cidadao)::int AS a FROM tb_fat_cidadao_pec",
        "SELECT date_part('year', age(current_date, dt_registro))::int AS a FROM tb_dim_tempo",
        "SELECT nu_ano AS a FROM tb_dim_tempo WHERE dt_registro >= current_date - interval '1 year'",
        "SELECT nu_ano AS a FROM tb_dim_tempo WHERE dt_registro < now() AND dt_registro <= CURRENT_TIMESTAMP",
        "SELECT length(string_agg(no_cidadao, ';' ORDER BY co_cidadao))::int AS a FROM tb_fat_cidadao_pec",
        "SELECT co_dim_sexo::int AS a FROM tb_fat_cidadao_pec WHERE co_dim_sexo = ANY (ARRAY[1, 2])",
        "SELECT length(to_char(dt_inicial_atendimento, 'YYYYMMDD')) AS a FROM tb_fat_atendimento_individual",
        "SELECT 1 AS a WHERE ') TO PROGRAM ''x'' --' <> $q$;$q$",
    ],
)
def test_a_plain_query_is_taken(sql: str, trapped: PecAddress) -> None:
    sql = sql.replace("VALUES (1)", "SELECT v.a FROM (VALUES (1)) AS v (a)")
    assert sql in judge(trapped, a_list(sql, ONE, key=("a",)))


def test_a_missing_column_is_drift_in_portuguese(pec: PecAddress, as_owner: Callable[[str], None]) -> None:
    as_owner("ALTER TABLE tb_fat_cidadao_pec DROP COLUMN nu_telefone_celular")
    with pytest.raises(ExtractionError) as drift:
        judge(pec, a_list())
    assert drift.value.code == "query.schema_drift"
    assert "esta versão do PEC não tem 'nu_telefone_celular'" in drift.value.message_pt
    assert drift.value.hint_pt


def test_a_missing_table_is_drift(pec: PecAddress, as_owner: Callable[[str], None]) -> None:
    as_owner("DROP TABLE tb_fat_cidadao_pec CASCADE")
    with pytest.raises(ExtractionError, match="tb_fat_cidadao_pec") as drift:
        judge(pec, a_list())
    assert drift.value.code == "query.schema_drift"


def test_another_type_is_drift(pec: PecAddress, as_owner: Callable[[str], None]) -> None:
    as_owner("ALTER TABLE tb_fat_cidadao_pec ALTER COLUMN co_seq_fat_cidadao_pec TYPE text")
    with pytest.raises(ExtractionError, match="'co' is not there or has another type"):
        judge(pec, a_list())


def test_a_table_that_may_not_be_read_is_said(pec: PecAddress, as_owner: Callable[[str], None]) -> None:
    as_owner("REVOKE SELECT ON tb_fat_cidadao_pec FROM esus_leitura")
    with pytest.raises(AgentError) as refused:
        judge(pec, a_list())
    assert refused.value.code in ("db.not_readable", "query.refused")


def test_columns_are_those_of_the_catalogue_in_its_order(pec: PecAddress) -> None:
    with pytest.raises(CatalogueError, match="columns"):
        judge(pec, a_list(columns=(PEOPLE_COLUMNS[1], PEOPLE_COLUMNS[0], PEOPLE_COLUMNS[2])))


def test_a_query_is_judged_in_a_read_only_transaction_only(pec: PecAddress) -> None:
    async def outside() -> None:
        async with opened(pec, SessionLimits()) as connection:
            await checked(connection, a_list())

    with pytest.raises(AssertionError, match="read-only"):
        asyncio.run(outside())


def test_what_was_prepared_can_hold_no_second_meaning_inside_copy(trapped: PecAddress) -> None:
    """The text that passed is put between COPY's parentheses; PostgreSQL takes exactly it as the query."""
    text = judge(trapped, a_list("SELECT 1 AS a -- ) TO PROGRAM 'x'", ONE, key=("a",)))

    async def copied() -> bytes:
        out = bytearray()

        async def take(block: bytes) -> None:
            out.extend(block)

        async with opened(trapped, SessionLimits()) as connection:
            await connection.copy_from_query(text, output=take)
        return bytes(out)

    assert asyncio.run(copied()) == b"1\n"
