"""What the database driver says, in the words of our errors.

Invariant: no statement, parameter or password of the driver's own text reaches the message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from afluente.core.errors import StateError

_SQLITE_FAILURES = (
    (
        ("database is locked", "database table is locked"),
        "state.locked",
        "another process is writing to it",
        "wait for the other process to end and try again",
        True,
    ),
    (
        ("readonly database", "read-only", "attempt to write a readonly"),
        "state.read_only",
        "it cannot be written",
        "check the owner and the permissions of the project's .afluente folder",
        False,
    ),
    (
        ("database or disk is full", "disk i/o error"),
        "state.disk_full",
        "the disk is full or failing",
        "free some space on the disk of the project's .afluente folder",
        False,
    ),
    (
        ("unable to open database file",),
        "state.cannot_open",
        "it cannot be opened",
        "check that the project's .afluente folder exists and can be written",
        False,
    ),
    (
        ("file is not a database", "malformed"),
        "state.corrupt",
        "the file is damaged or is not a database",
        "restore it from a backup, or move it aside to start with an empty history",
        False,
    ),
)

_NO_DATABASE = re.compile(r'database ".*" does not exist')
_POSTGRES_FAILURES = {
    "25006": ("state.read_only", "it cannot be written", "give the user of the state's URL the right to write", False),
    "42501": ("state.read_only", "permission is denied", "give the user of the state's URL the right to write", False),
    "53100": ("state.disk_full", "its disk is full", "free some space on the database server", False),
    "55P03": ("state.locked", "another session holds a lock", "wait for the other session and try again", True),
    "40001": ("state.locked", "another session wrote first", "try again", True),
    "40P01": ("state.locked", "two sessions waited for each other", "try again", True),
}


def translate(error: DBAPIError, *, place: str) -> StateError:
    """The StateError for a driver's error; `place` names the database without its password."""
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate in _POSTGRES_FAILURES:
        code, why, hint, retryable = _POSTGRES_FAILURES[sqlstate]
        return StateError(code, f"the state database {place} failed: {why}", hint=hint, retryable=retryable)
    text = str(error.orig).lower()
    for marks, code, why, hint, retryable in _SQLITE_FAILURES:
        if any(mark in text for mark in marks):
            return StateError(code, f"the state database {place} failed: {why}", hint=hint, retryable=retryable)
    if _NO_DATABASE.search(text):
        return StateError(
            "state.database_missing",
            f"the state database {place} does not exist on its server",
            hint="make it, CREATE DATABASE on that server, or mend `state` in afluente.yaml; its tables come by themselves",
        )
    if error.connection_invalidated or (sqlstate is None and type(error.orig).__module__.startswith("psycopg")):
        return StateError(
            "state.unreachable",
            f"the state database {place} does not answer",
            hint="check the address, the user and the password of `state` in afluente.yaml, and that the server runs",
            retryable=True,
        )
    kind = type(error.orig).__name__
    return StateError(
        "state.failed",
        f"the state database {place} failed: {kind}{f' {sqlstate}' if sqlstate else ''}",
        hint="`afluente doctor` tells what is missing on this machine",
    )


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn any driver's error inside into a StateError."""
    try:
        yield
    except DBAPIError as error:
        raise translate(error, place=place) from error
