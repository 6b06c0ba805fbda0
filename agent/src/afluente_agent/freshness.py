"""The newest day that each health unit (CNES) brought into this PEC: a unit that did not send shows here.

Invariant: only codes of units and days leave; PEC's sentinel in the year 3000 and days that have not come by the hub's
time are no days, whatever the clock of PEC's machine says;
a table or column that this version of PEC does not have is left out, never an error.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncpg

MOST_UNITS = 1000
SOURCES = (
    ("tb_fat_visita_domiciliar", "co_dim_unidade_saude"),
    ("tb_fat_atendimento_individual", "co_dim_unidade_saude_1"),
)
_NEEDED = ("tb_dim_unidade_saude", "nu_cnes"), ("tb_dim_tempo", "dt_registro"), ("tb_dim_tempo", "nu_ano")
_READABLE = """
SELECT c.relname::text AS relation, a.attname::text AS column
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relname = ANY ($1::text[])
   AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
"""
_NEWEST = """
SELECT u.nu_cnes::text AS cnes, to_char(max(t.dt_registro), 'YYYYMMDD') AS newest
  FROM (SELECT f.{unit} AS unit, f.co_dim_tempo FROM public.{table} f GROUP BY 1, 2) f
  JOIN public.tb_dim_tempo t ON t.co_seq_dim_tempo = f.co_dim_tempo
  JOIN public.tb_dim_unidade_saude u ON u.co_seq_dim_unidade_saude = f.unit
 WHERE t.nu_ano < 3000 AND t.dt_registro <= $1::date + 1
 GROUP BY u.nu_cnes
"""


async def newest_days(connection: asyncpg.Connection, *, today: date) -> dict[str, str]:
    """The newest day (yyyymmdd) by CNES, in the order of the codes."""
    newest: dict[str, str] = {}
    async with connection.transaction(readonly=True):
        tables = sorted({table for table, _ in (*SOURCES, *_NEEDED)})
        columns = {(row["relation"], row["column"]) for row in await connection.fetch(_READABLE, tables)}
        if not set(_NEEDED) <= columns:
            return {}
        for table, unit in SOURCES:
            if not {(table, unit), (table, "co_dim_tempo")} <= columns:
                continue
            for row in await connection.fetch(_NEWEST.format(table=table, unit=unit), today):
                cnes, day = row["cnes"], row["newest"]
                if cnes and cnes.isdigit() and day > newest.get(cnes, ""):
                    newest[cnes] = day
    return dict(sorted(newest.items())[:MOST_UNITS])
