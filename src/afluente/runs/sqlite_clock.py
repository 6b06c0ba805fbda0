"""The clock DBOS asks of SQLite from Python 3.12 on, for a SQLite that does not know it yet.

DBOS takes the milliseconds of `unixepoch('subsec')` where Python is 3.12 or newer. SQLite knows `subsec` from 3.42 on,
and before that answers NULL; which SQLite a Python has depends on the machine it was built on.
"""

from __future__ import annotations

import sqlite3
import time

import sqlalchemy as sa
from sqlalchemy import event

KNOWS_SUBSEC = (3, 42, 0)


def give_subseconds(engine: sa.Engine, *, version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Let the connections of a SQLite engine answer `unixepoch('subsec')`, in seconds, whatever their version."""
    if version >= KNOWS_SUBSEC:
        return

    @event.listens_for(engine, "connect")
    def _add(connection: sqlite3.Connection, _record: object) -> None:
        connection.create_function("unixepoch", 1, _unixepoch)


def _unixepoch(moment: object) -> float | None:
    return time.time() if moment == "subsec" else None
