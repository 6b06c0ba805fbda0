"""Insert or update by primary key, written once for both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa


def upsert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows; one whose primary key exists takes the place of what was there."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key.columns]
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as insert_sqlite

        in_sqlite = insert_sqlite(table)
        others = {name: in_sqlite.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(in_sqlite.on_conflict_do_update(index_elements=keys, set_=others), list(rows))
        return
    from sqlalchemy.dialects.postgresql import insert as insert_postgres

    in_postgres = insert_postgres(table)
    values = {name: in_postgres.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(in_postgres.on_conflict_do_update(index_elements=keys, set_=values), list(rows))
