"""Nonces: each is good for one request of one key.

Invariant: of any number of requests with one nonce, over any number of hub processes, one is taken; a nonce is
forgotten only when its request would be refused for its time.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from afluente.state.fleet_schema import NONCES
from afluente_agent.protocol.limits import NONCE_SECONDS


def use(connection: sa.Connection, *, key: str, nonce: str, at: datetime) -> bool:
    """Whether the nonce was new; it is not any more. Needs a write transaction."""
    values = {"key": key, "nonce": nonce, "at": at}
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as insert_sqlite

        in_sqlite = insert_sqlite(NONCES).values(values).on_conflict_do_nothing().returning(NONCES.c.nonce)
        return connection.execute(in_sqlite).first() is not None
    from sqlalchemy.dialects.postgresql import insert as insert_postgres

    in_postgres = insert_postgres(NONCES).values(values).on_conflict_do_nothing().returning(NONCES.c.nonce)
    return connection.execute(in_postgres).first() is not None


def forget(connection: sa.Connection, *, at: datetime) -> int:
    """Delete the nonces that no request could use any more. Needs a write transaction."""
    return connection.execute(sa.delete(NONCES).where(NONCES.c.at < at - timedelta(seconds=NONCE_SECONDS))).rowcount
