"""The end of an upload: the whole is looked at before it lands.

Invariant: one look at a time at a transmission, by a lease, and a look whose lease ran out ends nothing; a file is in its place on the disk before the
state says that it landed; bytes that are not those announced are asked for again a few times and then refused; what
is no list, or unpacks to more than it may, is refused and deleted.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from afluente.core.clock import Clock
from afluente.core.ids import new_id
from afluente.fleet import facts
from afluente.fleet.due import is_due
from afluente.fleet.landed import checked, verify
from afluente.fleet.landing import LandingStore
from afluente.fleet.refusal import FleetError
from afluente.state import leases
from afluente.state.database import Database
from afluente.state.fleet_schema import TRANSMISSIONS
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.limits import MAX_UNPACKED_RATIO

MOST_TRIES = 3
_DAMAGED = frozenset({"loading.size", "loading.digest", "landing.broken", "landing.missing"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CompletionLimits:
    """`lease_seconds` is longer than looking at the largest transmission takes."""

    lease_seconds: float = 900
    most_unpacked_bytes: int = 32 * 1024**3
    most_ratio: int = MAX_UNPACKED_RATIO


class Completion:
    """Looks at whole uploads and lands them. Several may run over one state and one landing."""

    def __init__(self, database: Database, landing: LandingStore, clock: Clock, limits: CompletionLimits) -> None:
        self._database = database
        self._landing = landing
        self._clock = clock
        self._limits = limits

    def complete(self, transmission: str) -> None:
        """Land a transmission of which all bytes are there; nothing when it is not so, or somebody else does it."""
        row = self._claim(transmission)
        if row is None:
            return
        try:
            self._look(row)
            self._land(row)
        except FleetError as error:
            self._failed(row, error.code)
        except OSError:
            _log.exception("landing cannot be read or written", extra={"transmission": row.id})
            with self._database.write() as connection:
                self._end(connection, row, claimed_by=None, due_at=None)

    def _land(self, row: sa.Row[Any]) -> None:
        """Under the row's lock, so that whoever lost the claim moves no file; a death in between is landed again."""
        with self._database.write() as connection:
            is_ours = self._end(
                connection,
                row,
                state="landed",
                landed_path=self._landing.landed_path(row.id),
                landed_at=self._clock.now(),
                claimed_by=None,
                due_at=None,
                attempts=0,
                error_code=None,
            )
            if is_ours:
                self._landing.land(row.id)
        make_durable(self._database)

    def _claim(self, transmission: str) -> sa.Row[Any] | None:
        table, at = TRANSMISSIONS, self._clock.now()
        with self._database.write() as connection:
            return leases.take_one(
                connection,
                table,
                transmission,
                table.c.state == "receiving",
                table.c.offset == table.c.size_bytes,
                sa.or_(table.c.claimed_by.is_(None), is_due(table.c.due_at, at)),
                values={
                    "claimed_by": f"upload:{new_id(at)}",
                    "due_at": at + timedelta(seconds=self._limits.lease_seconds),
                },
            )

    def _look(self, row: sa.Row[Any]) -> None:
        try:
            with self._landing.open_part(row.id) as stream:
                verify(stream, size_bytes=row.size_bytes, sha256=row.sha256)
            with self._landing.open_part(row.id) as stream:
                rows = size = 0
                columns = len(row.start["columns"])
                blocks = checked(stream, columns=columns, size_bytes=row.size_bytes, most_ratio=self._limits.most_ratio)
                for block in blocks:
                    rows += block.count(b"\n")
                    size += len(block)
                    if rows > row.rows or size > self._limits.most_unpacked_bytes:
                        break
        except FileNotFoundError:
            raise FleetError("landing.missing", "the file of an upload is not there") from None
        if size > self._limits.most_unpacked_bytes:
            raise FleetError("loading.bomb", "the upload unpacks to more than a list may have")
        if rows != row.rows:
            raise FleetError("transmission.rows", "the upload does not have the announced number of rows")

    def _failed(self, row: sa.Row[Any], code: str) -> None:
        at = self._clock.now()
        is_again = code in _DAMAGED and row.attempts + 1 < MOST_TRIES
        with self._database.write() as connection:
            values: dict[str, object] = {"claimed_by": None, "error_code": code, "offset": 0}
            if is_again:
                values |= {"attempts": row.attempts + 1, "due_at": None}
            else:
                values |= {"state": "refused", "due_at": None}
            if not self._end(connection, row, **values):
                return
            self._landing.discard(row.id)
            evidence = {"transmission": row.id, "list": row.list_name, "code": code}
            facts.record(
                connection,
                site=row.site,
                agent=row.agent,
                code=fact_codes.HUB_UPLOAD_DAMAGED if is_again else fact_codes.HUB_UPLOAD_REFUSED,
                at=at,
                evidence=evidence,
            )

    @staticmethod
    def _end(connection: sa.Connection, claimed: sa.Row[Any], **values: object) -> bool:
        table = TRANSMISSIONS
        ended = connection.execute(
            sa.update(table)
            .where(table.c.id == claimed.id, table.c.state == "receiving", table.c.claimed_by == claimed.claimed_by)
            .values(**values)
        )
        return ended.rowcount == 1


def make_durable(database: Database) -> None:
    """What was committed is on the disk: SQLite in WAL mode syncs at a checkpoint only, PostgreSQL at each commit."""
    name = database.engine.url.database
    if not database.is_sqlite or name is None:
        return
    for path in (Path(f"{name}-wal"), Path(name)):
        with suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDWR)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
