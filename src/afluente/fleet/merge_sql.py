"""The SQL that brings a staged list into its table, and the tables themselves.

Invariant: only rows of the transmission's site are touched, and only those whose hash changed are written; every name
is quoted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

LOADS = "afluente_loads"
CREATE_LOADS = """
CREATE TABLE IF NOT EXISTS {loads} (
    transmission_id uuid PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY,
    site text COLLATE "C" NOT NULL,
    list_name text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    schema_hash text NOT NULL,
    started_at timestamptz NOT NULL,
    inserted bigint NOT NULL,
    updated bigint NOT NULL,
    deleted bigint NOT NULL,
    loaded_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS afluente_loads_of_list ON {loads} (site, list_name, number);
"""


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def create_list(table: str, columns: Sequence[str]) -> str:
    """A list's table: every value as text, as it was sent."""
    values = "".join(f"{quoted(column)} text, " for column in columns)
    return (
        f'CREATE TABLE IF NOT EXISTS {table} (site text COLLATE "C" NOT NULL, row_key uuid NOT NULL, '
        f"row_hash uuid NOT NULL, {values}updated_at timestamptz NOT NULL, PRIMARY KEY (site, row_key)) "
        f"WITH (fillfactor = 90)"
    )


def widen_list(table: str, columns: Sequence[str]) -> str:
    return f"ALTER TABLE {table} " + ", ".join(f"ADD COLUMN IF NOT EXISTS {quoted(name)} text" for name in columns)


def stage_name(list_name: str, columns: Sequence[str]) -> str:
    """One stage for a list's columns in a session: it is emptied at each commit, never dropped (which would be WAL)."""
    return "afluente_stage_" + hashlib.sha256("\t".join((list_name, *columns)).encode()).hexdigest()[:16]


def create_stage(stage: str, columns: Sequence[str]) -> str:
    values = "".join(f", {quoted(column)} text" for column in columns)
    return (
        f"CREATE TEMP TABLE IF NOT EXISTS {stage} (op \"char\" NOT NULL CHECK (op IN ('I', 'D')), "
        f"row_key uuid NOT NULL, row_hash uuid CHECK ((op = 'I') = (row_hash IS NOT NULL)){values}) "
        f"ON COMMIT DELETE ROWS"
    )


def count_stage(stage: str) -> str:
    return f"SELECT count(*), count(DISTINCT row_key), count(*) FILTER (WHERE op = 'D') FROM {stage}"


def delete_rows(table: str, stage: str, *, is_full: bool) -> str:
    """$1 the site."""
    if is_full:
        return (
            f"DELETE FROM {table} t WHERE t.site = $1::text "
            f"AND NOT EXISTS (SELECT 1 FROM {stage} s WHERE s.row_key = t.row_key)"
        )
    return f"DELETE FROM {table} t USING {stage} s WHERE t.site = $1::text AND t.row_key = s.row_key AND s.op = 'D'"


def update_rows(table: str, stage: str, columns: Sequence[str], lacking: Sequence[str]) -> str:
    """$1 the site, $2 the moment. Columns that the transmission lacks become null with the row that changes."""
    sets = [f"{quoted(column)} = s.{quoted(column)}" for column in columns]
    sets += [f"{quoted(column)} = NULL" for column in lacking]
    return (
        f"UPDATE {table} t SET row_hash = s.row_hash, updated_at = $2::timestamptz, {', '.join(sets)} FROM {stage} s "
        f"WHERE t.site = $1::text AND t.row_key = s.row_key AND s.op = 'I' AND t.row_hash <> s.row_hash"
    )


def insert_rows(table: str, stage: str, columns: Sequence[str]) -> str:
    """$1 the site, $2 the moment."""
    names = ", ".join(quoted(column) for column in columns)
    values = ", ".join(f"s.{quoted(column)}" for column in columns)
    return (
        f"INSERT INTO {table} (site, row_key, row_hash, updated_at, {names}) "
        f"SELECT $1::text, s.row_key, s.row_hash, $2::timestamptz, {values} FROM {stage} s WHERE s.op = 'I' "
        f"AND NOT EXISTS (SELECT 1 FROM {table} t WHERE t.site = $1::text AND t.row_key = s.row_key)"
    )


def standing(loads: str) -> str:
    """$1 the transmission, $2 the site, $3 the list: its own row if it was loaded, and the list's newest load."""
    columns = "transmission_id, schema_hash, started_at, inserted, updated, deleted"
    return (
        f"SELECT {columns}, transmission_id = $1 AS is_own FROM ("
        f"(SELECT {columns} FROM {loads} WHERE transmission_id = $1) UNION ALL "
        f"(SELECT {columns} FROM {loads} WHERE site = $2 AND list_name = $3 ORDER BY number DESC LIMIT 1)) AS found"
    )


def merge(table: str, stage: str, loads: str, columns: Sequence[str], lacking: Sequence[str], *, is_full: bool) -> str:
    """All of it in one statement, the load's own row too: what is deleted, updated and inserted never overlaps.

    $1 the site, $2 the moment, $3 the transmission, $4 the list, $5 the kind, $6 the schema, $7 when it began.
    """
    return (
        f"WITH gone AS ({delete_rows(table, stage, is_full=is_full)} RETURNING 1), "
        f"changed AS ({update_rows(table, stage, columns, lacking)} RETURNING 1), "
        f"new AS ({insert_rows(table, stage, columns)} RETURNING 1) "
        f"INSERT INTO {loads} (transmission_id, site, list_name, kind, schema_hash, started_at, inserted, updated, "
        f"deleted, loaded_at) SELECT $3::uuid, $1::text, $4::text, $5::text, $6::text, $7::timestamptz, (SELECT count(*) FROM new), "
        f"(SELECT count(*) FROM changed), (SELECT count(*) FROM gone), $2::timestamptz RETURNING inserted, updated, deleted"
    )
