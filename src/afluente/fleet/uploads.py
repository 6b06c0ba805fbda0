"""Receiving transmissions into landing, by chunks at an offset.

Invariant: the offset in the state moves in the transaction that holds the transmission's row while its file grows and
is synced, so that a chunk counts once whoever sends it and through whichever hub process; what a process that died
wrote and did not count is cut off; never more than was announced is taken, and a site sees its own transmissions only.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from afluente.core.clock import Clock
from afluente.fleet import facts
from afluente.fleet.completion import Completion, CompletionLimits
from afluente.fleet.due import is_due
from afluente.fleet.identity import AgentIdentity
from afluente.fleet.landing import LEAST_FREE_BYTES, LandingStore, ShortLandingError
from afluente.fleet.refusal import Refusal
from afluente.fleet.upload_check import check_start, invalid, is_id
from afluente.state.database import Database
from afluente.state.fleet_schema import SITES, TRANSMISSIONS
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.limits import MAX_CHUNK_BYTES, MAX_TRANSMISSION_BYTES
from afluente_agent.protocol.messages import TransmissionStart, TransmissionState, to_json

LEAST_CHUNK_BYTES = 4096
IDLE_DAYS = 14
HAS_IT = ("landed", "loading", "loaded")
NO_FULL_NEEDED = ("loading.superseded",)
MOST_SETTLED = 100

_log = logging.getLogger(__name__)

ColumnsOf = Callable[[sa.Connection, str, int], tuple[str, ...] | None]
"""Called with a list's name and the catalogue's version: its columns, or None when there is no such list."""


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """The most that is taken: of one transmission, of what a site has begun and not ended, and of all it begins in a day."""

    most_bytes: int = MAX_TRANSMISSION_BYTES
    most_open: int = 64
    most_open_bytes: int = 4 * MAX_TRANSMISSION_BYTES
    most_a_day: int = 2000
    least_free_bytes: int = LEAST_FREE_BYTES
    idle_days: float = IDLE_DAYS
    completion: CompletionLimits = field(default_factory=CompletionLimits)


@dataclass(frozen=True, slots=True)
class Settled:
    """What was ended for agents that did not come back."""

    completed: int
    abandoned: int


class Uploads:
    """Several may run over one state and one landing folder. Methods raise Refusal for what the caller did wrong."""

    def __init__(
        self,
        database: Database,
        landing: LandingStore,
        clock: Clock,
        *,
        limits: UploadLimits | None = None,
        columns_of: ColumnsOf | None = None,
    ) -> None:
        """`columns_of` knows the configured lists; without it every well-formed name is taken."""
        self._database = database
        self._landing = landing
        self._clock = clock
        self._limits = limits or UploadLimits()
        self._columns_of = columns_of
        self._completion = Completion(database, landing, clock, self._limits.completion)

    def start(self, identity: AgentIdentity, start: TransmissionStart) -> TransmissionState:
        """Take an announcement; one that was taken already gives its state."""
        check_start(start, most_bytes=self._limits.most_bytes)
        announced = json.loads(to_json(start))
        with self._database.write() as connection:
            _lock_site(connection, identity.site)
            row = connection.execute(sa.select(TRANSMISSIONS).where(TRANSMISSIONS.c.id == start.id)).first()
            if row is None:
                self._check_list(connection, start)
                self._check_room(connection, identity, start)
                row = self._insert(connection, identity, start, announced)
            elif row.site != identity.site:
                raise _unknown()
            elif row.start != announced:
                raise Refusal(
                    "transmission.changed",
                    "o hub já conhece esta remessa com outro conteúdo",
                    "the hub knows a transmission of this id that was announced otherwise",
                    status=422,
                )
        return self._shown(row)

    def append(self, identity: AgentIdentity, transmission: str, offset: int, chunk: bytes, sha256: str) -> int:
        """Take a chunk at an offset; the offset behind it. Refusal 409 with `offset` when the upload stands elsewhere."""
        if not 0 < len(chunk) <= MAX_CHUNK_BYTES:
            raise Refusal(
                "transmission.chunk_size",
                "um pedaço da remessa é vazio ou grande demais",
                f"a chunk has 1 to {MAX_CHUNK_BYTES} bytes",
                status=413,
            )
        if not hmac.compare_digest(hashlib.sha256(chunk).hexdigest().encode(), sha256.encode()):
            raise Refusal(
                "transmission.chunk_sha256",
                "um pedaço da remessa chegou alterado",
                "the sha256 of the chunk is another one",
                status=400,
            )
        end = offset + len(chunk)
        with self._database.write() as connection:
            row = self._row(connection, identity, transmission, is_locked=True)
            _check_append(row, offset, end)
            stands = self._put(row, offset, chunk)
            connection.execute(
                sa.update(TRANSMISSIONS)
                .where(TRANSMISSIONS.c.id == row.id)
                .values(offset=stands, due_at=self._idle_until())
            )
        if stands != end:
            raise _elsewhere(stands)
        if end == row.size_bytes:
            self._completion.complete(row.id)
        return end

    def state(self, identity: AgentIdentity, transmission: str) -> TransmissionState:
        """Where a transmission stands; one that is whole and was not looked at is looked at now."""
        with self._database.read() as connection:
            row = self._row(connection, identity, transmission)
        if row.state == "receiving" and row.offset == row.size_bytes:
            self._completion.complete(row.id)
            with self._database.read() as connection:
                row = self._row(connection, identity, transmission)
        return self._shown(row)

    def settle(self) -> Settled:
        """End what agents left: land what is whole, forget what nobody sent more of for days. To be called at times."""
        table, at = TRANSMISSIONS, self._clock.now()
        is_free = is_due(table.c.due_at, at)
        is_whole = table.c.offset == table.c.size_bytes
        of_receiving = sa.select(table.c.id).where(table.c.state == "receiving").limit(MOST_SETTLED)
        with self._database.read() as connection:
            whole = connection.execute(
                of_receiving.where(is_whole, sa.or_(table.c.claimed_by.is_(None), is_free))
            ).scalars()
            complete = list(whole)
            abandoned = list(connection.execute(of_receiving.where(~is_whole, table.c.due_at <= at)).scalars())
        for transmission in complete:
            self._completion.complete(transmission)
        return Settled(len(complete), sum(self._abandon(transmission) for transmission in abandoned))

    def _abandon(self, transmission: str) -> bool:
        table, at = TRANSMISSIONS, self._clock.now()
        with self._database.write() as connection:
            row = connection.execute(
                sa.select(table)
                .where(
                    table.c.id == transmission,
                    table.c.state == "receiving",
                    table.c.offset != table.c.size_bytes,
                    table.c.due_at <= at,
                )
                .with_for_update()
            ).first()
            if row is None:
                return False
            self._landing.discard(row.id)
            connection.execute(sa.delete(table).where(table.c.id == row.id))
            evidence = {"transmission": row.id, "list": row.list_name, "offset": str(row.offset)}
            facts.record(
                connection,
                site=row.site,
                agent=row.agent,
                code=fact_codes.HUB_UPLOAD_ABANDONED,
                at=at,
                evidence=evidence,
            )
        return True

    def _check_list(self, connection: sa.Connection, start: TransmissionStart) -> None:
        if self._columns_of is None:
            return
        columns = self._columns_of(connection, start.list_name, start.catalogue_version)
        if columns is None or not set(start.columns) <= set(columns):
            raise invalid("the catalogue has no such list with these columns")

    def _check_room(self, connection: sa.Connection, identity: AgentIdentity, start: TransmissionStart) -> None:
        table = TRANSMISSIONS
        count, size_bytes = connection.execute(
            sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(table.c.size_bytes), 0)).where(
                table.c.site == identity.site, table.c.state == "receiving"
            )
        ).one()
        if count >= self._limits.most_open or size_bytes + start.size_bytes > self._limits.most_open_bytes:
            raise Refusal(
                "upload.too_many_open",
                "há remessas demais começadas e não terminadas por este município",
                "the site has begun too much that it did not end",
                status=429,
                retry_after_seconds=3600,
            )
        at = self._clock.now()
        is_of_the_day = table.c.started_at.between(at - timedelta(days=1), at + timedelta(days=1))
        begun = connection.execute(
            sa.select(sa.func.count()).where(table.c.site == identity.site, is_of_the_day)
        ).scalar_one()
        if begun >= self._limits.most_a_day:
            raise Refusal(
                "upload.too_many_a_day",
                "este município começou remessas demais nas últimas 24 horas",
                "the site has begun too many transmissions within 24 hours",
                status=429,
                retry_after_seconds=3600,
            )
        try:
            free = self._landing.free_bytes()
        except OSError:
            free = 0
        if free - start.size_bytes < self._limits.least_free_bytes:
            raise _full()

    def _insert(
        self, connection: sa.Connection, identity: AgentIdentity, start: TransmissionStart, announced: object
    ) -> sa.Row[Any]:
        table, at = TRANSMISSIONS, self._clock.now()
        error_code = None if self._has_base(connection, identity, start) else "transmission.base_unknown"
        connection.execute(
            sa.insert(table).values(
                id=start.id,
                site=identity.site,
                agent=identity.agent,
                list_name=start.list_name,
                kind=start.kind,
                base=start.base,
                rows=start.rows,
                size_bytes=start.size_bytes,
                sha256=start.sha256,
                start=announced,
                state="refused" if error_code else "receiving",
                offset=0,
                started_at=self._began(connection, identity, start),
                attempts=0,
                due_at=None if error_code else self._idle_until(),
                error_code=error_code,
            )
        )
        if error_code:
            evidence = {"transmission": start.id, "list": start.list_name, "code": error_code}
            facts.record(
                connection,
                site=identity.site,
                agent=identity.agent,
                code=fact_codes.HUB_UPLOAD_REFUSED,
                at=at,
                evidence=evidence,
            )
        return connection.execute(sa.select(table).where(table.c.id == start.id)).one()

    def _began(self, connection: sa.Connection, identity: AgentIdentity, start: TransmissionStart) -> datetime:
        """Now, and after what began before it of the list, whatever became of the hub's clock: so they are loaded."""
        table, at = TRANSMISSIONS, self._clock.now()
        newest = connection.execute(
            sa.select(table.c.started_at)
            .where(table.c.site == identity.site, table.c.list_name == start.list_name)
            .order_by(table.c.started_at.desc())
            .limit(1)
        ).scalar_one_or_none()
        return at if newest is None else max(at, newest + timedelta(microseconds=1))

    def _has_base(self, connection: sa.Connection, identity: AgentIdentity, start: TransmissionStart) -> bool:
        """Whether a delta could ever be loaded: the loader waits for a base that still comes."""
        if start.kind == "full":
            return True
        table = TRANSMISSIONS
        base = connection.execute(
            sa.select(table.c.state, table.c.error_code).where(
                table.c.id == start.base, table.c.site == identity.site, table.c.list_name == start.list_name
            )
        ).first()
        return base is not None and not _needs_full(base.state, base.error_code)

    def _put(self, row: sa.Row[Any], offset: int, chunk: bytes) -> int:
        """Where the file stands after the chunk: behind it, or before it when the file turned out to be short."""
        try:
            self._landing.append(row.id, offset, chunk)
        except ShortLandingError as short:
            _log.warning("a file in landing is short", extra={"transmission": row.id, "offset": short.offset})
            return short.offset
        except OSError as error:
            _log.error("landing cannot be written", extra={"transmission": row.id, "reason": error.strerror})
            raise _full() from error
        return offset + len(chunk)

    def _row(
        self, connection: sa.Connection, identity: AgentIdentity, transmission: str, *, is_locked: bool = False
    ) -> sa.Row[Any]:
        if not is_id(transmission):
            raise _unknown()
        query = sa.select(TRANSMISSIONS).where(
            TRANSMISSIONS.c.id == transmission, TRANSMISSIONS.c.site == identity.site
        )
        row = connection.execute(query.with_for_update() if is_locked else query).first()
        if row is None:
            raise _unknown()
        return row

    def _shown(self, row: sa.Row[Any]) -> TransmissionState:
        return TransmissionState(
            id=row.id,
            state=row.state,
            offset=row.size_bytes if row.state in HAS_IT else row.offset,
            needs_full=_needs_full(row.state, row.error_code),
            reason=row.error_code or "" if row.state == "refused" else "",
        )

    def _idle_until(self) -> object:
        return self._clock.now() + timedelta(days=self._limits.idle_days)


def _check_append(row: sa.Row[Any], offset: int, end: int) -> None:
    if row.state == "refused":
        raise Refusal(
            "transmission.refused",
            "o hub recusou esta remessa",
            f"the transmission was refused: {row.error_code}",
            status=422,
        )
    if row.state in HAS_IT:
        raise _elsewhere(row.size_bytes)
    if offset != row.offset:
        raise _elsewhere(row.offset)
    if end > row.size_bytes:
        raise Refusal(
            "transmission.oversized",
            "a remessa tem mais bytes do que anunciou",
            "the upload has more bytes than were announced",
            status=413,
        )
    if end != row.size_bytes and end - offset < LEAST_CHUNK_BYTES:
        raise Refusal(
            "transmission.chunk_size",
            "um pedaço da remessa é pequeno demais",
            f"a chunk that is not the last has at least {LEAST_CHUNK_BYTES} bytes",
            status=413,
        )


def _needs_full(state: str, error_code: str | None) -> bool:
    return state == "refused" and error_code not in NO_FULL_NEEDED


def _lock_site(connection: sa.Connection, site: str) -> None:
    """Announcements of a site are taken one after the other, so that its bounds hold."""
    connection.execute(sa.select(SITES.c.id).where(SITES.c.id == site).with_for_update())


def _elsewhere(offset: int) -> Refusal:
    return Refusal(
        "transmission.offset",
        "o envio continua de outro ponto",
        "the upload stands at another offset",
        status=409,
        offset=offset,
    )


def _unknown() -> Refusal:
    return Refusal(
        "transmission.unknown", "o hub não conhece esta remessa", "the hub does not know this transmission", status=404
    )


def _full() -> Refusal:
    return Refusal(
        "upload.landing_full",
        "o hub está sem espaço para receber agora; o agente tenta de novo sozinho",
        "landing has no room now",
        status=503,
        retry_after_seconds=600,
    )
