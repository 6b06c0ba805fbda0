"""The conform job by hand in DuckDB: `python -m bench.peers.conform_duckdb BRONZE OUT`.

FROZEN: ours is tuned against this text, so it changes only to mend a wrong outcome.

Rows are parsed once into a temporary table with a bit a rule; a bad row carries its bronze columns with it, so that
bronze is not read again. Rows are ranked by id and instant alone; what is superseded is then left out by row number.

Tried, in CPU seconds a million rows (one machine, other work beside it):
- check digits by quotients of one BIGINT without remainders 0.04; with doubles 0.13. CNPJs by `ascii` of each
  character only for the 6% with letters 0.08; by two `translate` 0.13.
- dates by `try_strptime` 0.38, by rearranged ISO text and TRY_CAST 0.23, by a table of the distinct texts 0.07 (kept).
- nested `replace` 0.09 (kept), `translate` 0.19, `regexp_replace` 0.29, slices 0.16.
- e-mail by one regex 0.14 (kept), by `LIKE` and `strpos` 0.17. The DDD inside the telephone's regex (kept) against
  NOT IN of a list, which became a join over all rows.
- TRY_CAST AS TIMESTAMPTZ 0.07 (kept), AT TIME ZONE 0.16.
- superseded rows by GROUP BY ... HAVING and a list of the repeated 0.29, by a window over id and instant 0.14 (kept).
- NOT IN of the superseded row numbers 0.74 (kept), ANTI JOIN 0.89, no deduplication at all 0.74.
- one struct for rows with one failure 0.68, `list_filter` for all 0.67 (kept).
- Parquet version 2 0.62 (kept), LZ4 0.70, version 1 with Snappy 0.74. Files by COPY and a commit of add actions.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from deltalake import DeltaTable, Schema
from deltalake.transaction import AddAction, create_table_with_add_actions

from bench.job import ORIGIN_COLUMNS, RULES, SOURCE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence


def _weighted(number: str, factors: Sequence[int], first_power: int) -> str:
    """Sum of the digits times their weights, modulo 11 only.

    With Q(i) = number // 10**i a digit is Q(i) - 10 Q(i+1), and -10 is 1 modulo 11; so the weights w become factors
    w(i) + w(i-1) of the Q(i): a division a digit, no remainder, and some factors vanish.
    """
    terms = [
        f"{factor} * ({number} // {10 ** (power + first_power)})" for power, factor in enumerate(factors) if factor
    ]
    return "(" + " + ".join(terms) + ")"


def _check(total: str) -> str:
    return f"({total} * 10 % 11 % 10)"


def _factors(weights: Sequence[int]) -> list[int]:
    """From the weights, last digit first, to the factors of the quotients."""
    return [
        weights[0],
        *((one + before) % 11 for before, one in pairwise(weights)),
    ]


CPF_1 = _check(_weighted("cpf_n", _factors(range(2, 11)), 2))
CPF_2 = _check(f"({_weighted('cpf_n', _factors(range(3, 12)), 2)} + 2 * (cpf_n // 10 % 10))")
CNPJ_1 = _check(_weighted("cnpj_n", _factors([2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]), 2))
CNPJ_2 = _check(f"({_weighted('cnpj_n', _factors([3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5, 6]), 2)} + 2 * (cnpj_n // 10 % 10))")


def _letters(weights: Sequence[int]) -> str:
    return _check("(" + " + ".join(f"{w} * (ascii(cnpj_c[{i}]) - 48)" for i, w in enumerate(weights, 1)) + ")")


CNPJ_LETTERS_1 = _letters([5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
CNPJ_LETTERS_2 = _letters([6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])

DDD = "1[1-9]|2[12478]|3[1-578]|4[1-9]|5[1345]|6[1-9]|7[134579]|8[1-9]|9[1-9]"
DATE_SHAPES = "[0-9]{2}/[0-9]{2}/[0-9]{4}|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}"

DAYS = f"""
CREATE TEMP TABLE days AS
SELECT data, try_strptime(trim(data), ['%d/%m/%Y', '%Y-%m-%d', '%Y%m%d'])::DATE AS day
FROM (SELECT DISTINCT data FROM read_parquet($files))
WHERE regexp_full_match(trim(data), '{DATE_SHAPES}')
"""

PARSE = f"""
CREATE TEMP TABLE parsed AS
WITH trimmed AS (
    SELECT *,
        trim(id) AS id_t,
        replace(replace(trim(cpf), '.', ''), '-', '') AS cpf_c,
        upper(CASE WHEN length(cnpj) = 14 THEN cnpj
            ELSE replace(replace(replace(trim(cnpj), '.', ''), '/', ''), '-', '') END) AS cnpj_c,
        trim(email) AS email_t,
        CASE WHEN contains(phone, '(')
            THEN replace(replace(replace(replace(replace(phone, '+', ''), '(', ''), ')', ''), ' ', ''), '-', '')
            ELSE replace(replace(replace(phone, '+', ''), ' ', ''), '-', '') END AS phone_c,
        trim(cep) AS cep_t,
        trim(preco) AS preco_t,
        trim(cidade) AS cidade_t,
        upper(trim(produto)) AS produto_t,
        trim(updated_at) AS updated_at_t
    FROM read_parquet($files)
), typed AS (
    SELECT *,
        CASE WHEN regexp_full_match(id_t, '[0-9]{{1,18}}') THEN id_t::BIGINT END AS id_v,
        CASE WHEN regexp_full_match(cpf_c, '[0-9]{{9,11}}') THEN cpf_c::BIGINT END AS cpf_n,
        CASE WHEN regexp_full_match(cnpj_c, '[0-9]{{14}}') THEN cnpj_c::BIGINT END AS cnpj_n,
        regexp_full_match(email_t, '[^@\\s]+@[^@\\s]+\\.[A-Za-z]{{2,}}') AND NOT contains(email_t, '..') AS email_ok,
        CASE WHEN regexp_full_match(phone_c, '(55)?({DDD})(9[0-9]{{8}}|[2-5][0-9]{{7}})') THEN phone_c END AS phone_d,
        regexp_full_match(cep_t, '([1-9][0-9]{{3,4}}|0[1-9][0-9]{{3}})-?[0-9]{{3}}') AS cep_ok,
        CASE WHEN regexp_full_match(preco_t, '(R\\$ ?)?([0-9]{{1,3}}(\\.[0-9]{{3}})+|[0-9]+)(,[0-9]{{1,2}})?')
            THEN try_cast(replace(replace(replace(preco_t, 'R$', ''), '.', ''), ',', '.') AS DECIMAL(12, 2))
            END AS preco_v,
        day AS data_v,
        CASE WHEN length(updated_at_t) = 20 THEN try_cast(updated_at_t AS TIMESTAMPTZ) END AS updated_at_v
    FROM trimmed LEFT JOIN days USING (data)
), checked AS (
    SELECT *,
        cpf_n % 100 = {CPF_1} * 10 + {CPF_2} AND cpf_n % 11111111111 <> 0 AS cpf_ok,
        CASE WHEN cnpj_n IS NOT NULL THEN cnpj_n <> 0 AND cnpj_n % 100 = {CNPJ_1} * 10 + {CNPJ_2}
            WHEN regexp_full_match(cnpj_c, '[0-9A-Z]{{12}}[0-9]{{2}}')
            THEN cnpj_c[13:14]::INTEGER = {CNPJ_LETTERS_1} * 10 + {CNPJ_LETTERS_2} END AS cnpj_ok
    FROM typed
), masked AS (
    SELECT *,
        CASE WHEN coalesce(id_t, '') = '' THEN 1 ELSE 0 END
        + CASE WHEN id_v IS NULL AND id_t <> '' THEN 2 ELSE 0 END
        + CASE WHEN cpf_c <> '' AND cpf_ok IS NOT TRUE THEN 4 ELSE 0 END
        + CASE WHEN cnpj_c <> '' AND cnpj_ok IS NOT TRUE THEN 8 ELSE 0 END
        + CASE WHEN email_t <> '' AND NOT email_ok THEN 16 ELSE 0 END
        + CASE WHEN phone_c <> '' AND phone_d IS NULL THEN 32 ELSE 0 END
        + CASE WHEN cep_t <> '' AND NOT cep_ok THEN 64 ELSE 0 END
        + CASE WHEN preco_v IS NULL AND preco_t <> '' THEN 128 ELSE 0 END
        + CASE WHEN data_v IS NULL AND trim(data) <> '' THEN 256 ELSE 0 END
        + CASE WHEN cidade_t <> '' AND length(cidade_t) < 3 THEN 512 ELSE 0 END
        + CASE WHEN produto_t <> '' AND NOT regexp_full_match(produto_t, '[A-Z]{{3}}-[0-9]{{4}}') THEN 1024 ELSE 0 END
        + CASE WHEN updated_at_v IS NULL AND updated_at_t <> '' THEN 2048 ELSE 0 END AS mask
    FROM checked
)
SELECT
    mask::USMALLINT AS mask,
    cpf_ok AND length(cpf_c) < 11 AS cpf_repaired,
    cep_ok AND length(cep_t) - contains(cep_t, '-')::INTEGER = 7 AS cep_repaired,
    id_v AS id,
    CASE WHEN length(cpf_c) = 11 THEN cpf_c WHEN cpf_c <> '' THEN lpad(cpf_c, 11, '0') END AS cpf,
    nullif(cnpj_c, '') AS cnpj,
    CASE WHEN email_t = '' THEN NULL WHEN lower(email_t) = email_t THEN email_t
        ELSE split_part(email_t, '@', 1) || '@' || lower(split_part(email_t, '@', 2)) END AS email,
    CASE WHEN length(phone_d) > 11 THEN '+' || phone_d ELSE '+55' || phone_d END AS phone,
    CASE WHEN cep_repaired THEN '0' || replace(cep_t, '-', '') WHEN cep_ok THEN replace(cep_t, '-', '') END AS cep,
    preco_v AS preco,
    data_v AS data,
    nullif(cidade_t, '') AS cidade,
    nullif(produto_t, '') AS produto,
    updated_at_v AS updated_at,
    CASE WHEN mask <> 0 THEN {{
        {", ".join(f"'{name}': m.{name}" for name in (*SOURCE_COLUMNS, *ORIGIN_COLUMNS))}
    }} END AS original
FROM masked AS m
"""

REPEATED = """
CREATE TEMP TABLE superseded AS
SELECT row FROM (
    SELECT rowid AS row, row_number() OVER (PARTITION BY id ORDER BY updated_at DESC NULLS LAST) AS place
    FROM parsed WHERE mask = 0
) WHERE place > 1
"""

SILVER = """
SELECT id, cpf, cnpj, email, phone, cep, preco, data, cidade, produto, updated_at
FROM parsed WHERE mask = 0 AND rowid NOT IN (SELECT row FROM superseded)
"""

FAILURES = ",\n".join(
    f"CASE WHEN mask & {1 << bit} <> 0 THEN"
    f" {{'rule': '{rule.rule}', 'column': '{rule.column}', 'value': original.{rule.column},"
    f" 'reason': '{rule.reason}'}} END"
    for bit, rule in enumerate(RULES)
)
QUARANTINE = f"""
SELECT {", ".join(f"original.{name}" for name in (*SOURCE_COLUMNS, *ORIGIN_COLUMNS))},
    list_filter([{FAILURES}], lambda failure: failure IS NOT NULL) AS failures
FROM parsed WHERE mask <> 0
"""

REPAIRS = """
SELECT 'br.cpf' AS rule, count(*) FILTER (cpf_repaired) AS rows FROM parsed
UNION ALL SELECT 'br.cep', count(*) FILTER (cep_repaired) FROM parsed
"""

GOLD = """
SELECT strftime(data, '%Y-%m') AS mes, cidade, sum(preco)::DECIMAL(18, 2) AS receita, sum(linhas)::BIGINT AS linhas
FROM (SELECT data, cidade, sum(preco) AS preco, count(*) AS linhas FROM read_parquet($files) GROUP BY data, cidade)
GROUP BY ALL
"""


def write(con: duckdb.DuckDBPyConnection, query: str, table: Path, **parameters: object) -> list[str]:
    """Let DuckDB write the Parquet files and commit them as a Delta table."""
    table.mkdir(parents=True)
    schema = con.sql(f"SELECT * FROM ({query}) LIMIT 0", params=parameters or None).to_arrow_table().schema
    files = con.execute(
        f"COPY ({query}) TO '{table}' (FORMAT parquet, COMPRESSION snappy, PARQUET_VERSION v2,"
        " PER_THREAD_OUTPUT, RETURN_STATS)",
        parameters,
    ).fetchall()
    now_ms = int(time.time() * 1000)
    actions = [
        AddAction(Path(path).name, size, {}, now_ms, True, json.dumps({"numRecords": rows}))
        for path, rows, size, *_ in files
        if rows
    ]
    create_table_with_add_actions(str(table), Schema.from_arrow(schema), actions)
    return [str(table / action.path) for action in actions]


def main(bronze: str, out: str) -> None:
    con = duckdb.connect()
    con.execute("SET preserve_insertion_order = false; SET TimeZone = 'UTC'")
    files = {"files": DeltaTable(bronze).file_uris()}
    con.execute(DAYS, files)
    con.execute(PARSE, files)
    con.execute(REPEATED)
    silver = write(con, SILVER, Path(out) / "silver")
    write(con, QUARANTINE, Path(out) / "quarantine")
    write(con, REPAIRS, Path(out) / "repairs")
    write(con, GOLD, Path(out) / "gold", files=silver)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
