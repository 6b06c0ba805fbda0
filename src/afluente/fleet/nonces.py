"""Nonces: each is good for one request of one key.

Invariant: of any number of requests with one nonce, over any number of hub processes, one is taken; a nonce is
forgotten only when its request would be refused for its time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

import sqlalchemy as sa

from afluente.state.fleet_schema import NONCES
from afluente_agent.protocol.limits import NONCE_SECONDS


def use(connection: sa.Connection, *, key: str, nonce: str, at: datetime) -> bool:
    """Whether the nonce was new; it is not any more. Needs a write transaction."""
    statement = _insert(connection.dialect.name)
    return connection.execute(statement, {"key": key, "nonce": nonce, "at": at}).first() is not None


@cache
def _insert(dialect: str) -> sa.Executable:
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as insert_sqlite

        return insert_sqlite(NONCES).on_conflict_do_nothing().returning(NONCES.c.nonce)
    from sqlalchemy.dialects.postgresql import insert as insert_postgres

    return insert_postgres(NONCES).on_conflict_do_nothing().returning(NONCES.c.nonce)


def forget(connection: sa.Connection, *, at: datetime) -> int:
    """Delete the nonces that no request could use any more. Needs a write transaction."""
    return connection.execute(sa.delete(NONCES).where(NONCES.c.at < at - timedelta(seconds=NONCE_SECONDS))).rowcount
