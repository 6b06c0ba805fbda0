"""Loading what has landed into the central database, at a bounded concurrency; what is loaded is queued for bronze.

Invariant: a transmission ends loaded or refused, never both and never silently stuck; every step is idempotent by the
transmission's id, so that a process that dies between two of them leaves nothing to mend.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO, Literal

import sqlalchemy as sa

from afluente.core.clock import Clock
from afluente.core.errors import AfluenteError
from afluente.core.ids import new_id
from afluente.fleet import claims, facts
from afluente.fleet.central import Central, Merged
from afluente.fleet.landed import OpenLanded, unpacked, verify
from afluente.fleet.refusal import FleetError
from afluente.fleet.transmission import Transmission
from afluente.state.database import Database
from afluente_agent.protocol import fact_codes
from afluente_agent.protocol.limits import MAX_UNPACKED_RATIO

WAITS_FOR_BASE = ("receiving", "landed", "loading")
NO_FULL_NEEDED = frozenset({"loading.superseded"})
OURS = frozenset({"landing.key_unknown", "landing.key"})
"""Failures of the hub's own settings: no transmission is refused for them."""
MOST_FAILURES = 30
"""Attempts after which a failure that nobody expected is a refusal. A database that does not answer never is."""

_log = logging.getLogger(__name__)

ColumnsOf = Callable[[sa.Connection, str, int], tuple[str, ...] | None]
"""Called with a list's name and the catalogue's version: its columns, or None when there is no such list."""


@dataclass(frozen=True, slots=True)
class LoaderSettings:
    """Bounds of the loader. A failed load is tried again after `first_retry_seconds`, doubled up to the longest."""

    concurrency: int = 2
    claims_at_once: int = 8
    lease_seconds: float = 120
    first_retry_seconds: float = 5
    longest_retry_seconds: float = 600
    stuck_after_attempts: int = 6
    most_unpacked_ratio: int = MAX_UNPACKED_RATIO
    poll_seconds: float = 2


@dataclass(frozen=True, slots=True)
class Loaded:
    """How one attempt ended. `waiting` is tried again later; `error_code` says why it is not loaded."""

    transmission: str
    site: str
    list_name: str
    state: Literal["loaded", "refused", "waiting"]
    merged: Merged | None = None
    error_code: str = ""


def needs_full(state: str, error_code: str | None) -> bool:
    """Whether the agent must send the whole list next, judged by the newest transmission of the list."""
    return state == "refused" and error_code not in NO_FULL_NEEDED


class Loader:
    """Loads what is due. Several may run over one state and one central database."""

    def __init__(
        self,
        database: Database,
        central: Central,
        *,
        clock: Clock,
        open_landed: OpenLanded,
        settings: LoaderSettings | None = None,
        into_bronze: bool = False,
        columns_of: ColumnsOf | None = None,
        allowed_loads: Callable[[], int] | None = None,
        chance: random.Random | None = None,
    ) -> None:
        """`into_bronze` queues what is loaded for bronze too. `allowed_loads` says how many loads the central database
        bears now; at least one is made.
        """
        self._database = database
        self._central = central
        self._clock = clock
        self._open_landed = open_landed
        self._settings = settings or LoaderSettings()
        self._into_bronze = into_bronze
        self._columns_of = columns_of
        self._allowed_loads = allowed_loads
        self._chance = chance or random.Random()  # noqa: S311 - jitter, not a secret
        self.worker = new_id(clock.now())

    async def load_due(self) -> list[Loaded]:
        """Load until nothing is due; what ended, in the order it ended."""
        ended: list[Loaded] = []
        claimed: deque[tuple[Transmission, datetime]] = deque()

        async def work(place: int) -> None:
            while place == 0 or place < self._bearable():
                if not claimed:
                    claimed.extend(await asyncio.to_thread(self._claim))
                if not claimed:
                    return
                transmission, good_until = claimed.popleft()
                if self._clock.now() < good_until:
                    ended.append(await self._end(transmission))

        async with asyncio.TaskGroup() as group:
            for place in range(self._settings.concurrency):
                group.create_task(work(place))
        return ended

    async def run(self, stop: asyncio.Event) -> None:
        """Load until told to stop. What fails is logged and tried again."""
        while not stop.is_set():
            try:
                await self.load_due()
            except* AfluenteError as failures:
                for failure in failures.exceptions:
                    _log.error("loading failed", extra={"code": getattr(failure, "code", "")})
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._settings.poll_seconds)

    def _bearable(self) -> int:
        return self._settings.concurrency if self._allowed_loads is None else self._allowed_loads()

    def _claim(self) -> list[tuple[Transmission, datetime]]:
        """Some claims, and until when a load may begin with each: whoever comes later leaves it to the next claim."""
        at = self._clock.now()
        with self._database.write() as connection:
            taken = claims.claim(
                connection,
                worker=self.worker,
                at=at,
                lease_seconds=self._settings.lease_seconds,
                limit=self._settings.claims_at_once,
            )
        good_until = at + timedelta(seconds=self._settings.lease_seconds / 2)
        return [(transmission, good_until) for transmission in taken]

    async def _end(self, transmission: Transmission) -> Loaded:
        try:
            async with self._kept_claim(transmission):
                merged = await self._load(transmission)
        except AfluenteError as error:
            return await asyncio.to_thread(self._failed, transmission, error)
        except Exception as error:  # noqa: BLE001 - the boundary of a worker; it is reported and tried again
            _log.exception("a transmission failed in a way nobody expected", extra={"transmission": transmission.id})
            unexpected = FleetError("loading.failed", f"loading failed: {type(error).__name__}", retryable=True)
            return await asyncio.to_thread(self._failed, transmission, unexpected)
        return await asyncio.to_thread(self._loaded, transmission, merged)

    async def _load(self, transmission: Transmission) -> Merged:
        await asyncio.to_thread(self._check, transmission)
        return await self._central.load(transmission, self._content(transmission), at=self._clock.now())

    def _check(self, transmission: Transmission) -> None:
        """Refuse what the catalogue does not know and what is not as it was announced."""
        if self._columns_of is not None:
            with self._database.read() as connection:
                columns = self._columns_of(connection, transmission.list_name, transmission.catalogue_version)
            if columns is None:
                raise FleetError("loading.list_unknown", "the catalogue has no such list")
            if not set(transmission.columns) <= set(columns):
                raise FleetError("loading.columns", "the list holds columns that the catalogue does not give it")
        with self._open_landed(transmission.landed_path) as stream:
            verify(stream, size_bytes=transmission.size_bytes, sha256=transmission.sha256)

    async def _content(self, transmission: Transmission) -> AsyncIterator[bytes]:
        with self._open_landed(transmission.landed_path) as stream:
            pieces = self._pieces(stream, transmission)
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                yield piece

    def _pieces(self, stream: BinaryIO, transmission: Transmission) -> Iterator[bytes]:
        return unpacked(
            stream,
            columns=len(transmission.columns),
            size_bytes=transmission.size_bytes,
            most_ratio=self._settings.most_unpacked_ratio,
        )

    @asynccontextmanager
    async def _kept_claim(self, transmission: Transmission) -> AsyncIterator[None]:
        keeper = asyncio.create_task(self._keep_claim(transmission))
        try:
            yield
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def _keep_claim(self, transmission: Transmission) -> None:
        while True:
            await asyncio.sleep(self._settings.lease_seconds / 3)
            await asyncio.to_thread(self._renew, transmission)

    def _renew(self, transmission: Transmission) -> None:
        with self._database.write() as connection:
            claims.renew(
                connection,
                transmission,
                worker=self.worker,
                at=self._clock.now(),
                lease_seconds=self._settings.lease_seconds,
            )

    def _loaded(self, transmission: Transmission, merged: Merged) -> Loaded:
        with self._database.write() as connection:
            claims.finish(
                connection, transmission, worker=self.worker, at=self._clock.now(), into_bronze=self._into_bronze
            )
        return Loaded(transmission.id, transmission.site, transmission.list_name, "loaded", merged)

    def _failed(self, transmission: Transmission, error: AfluenteError) -> Loaded:
        at = self._clock.now()
        with self._database.write() as connection:
            is_early = error.code == "loading.base_missing" and self._is_base_coming(connection, transmission)
            is_hopeless = error.code == "loading.failed" and transmission.attempts >= MOST_FAILURES
            if is_early or error.code in OURS or (error.retryable and not is_hopeless):
                claims.put_back(
                    connection, transmission, worker=self.worker, due_at=self._retry_at(transmission, at),
                    error_code=error.code,
                )  # fmt: skip
                if transmission.attempts == self._settings.stuck_after_attempts:
                    self._record(connection, transmission, fact_codes.HUB_LOAD_STUCK, error.code, at)
                return self._ended(transmission, "waiting", error)
            if claims.refuse(connection, transmission, worker=self.worker, error_code=error.code):
                self._record(connection, transmission, fact_codes.HUB_LOAD_REFUSED, error.code, at)
        return self._ended(transmission, "refused", error)

    def _is_base_coming(self, connection: sa.Connection, transmission: Transmission) -> bool:
        return claims.state_of(connection, transmission.base) in WAITS_FOR_BASE

    def _retry_at(self, transmission: Transmission, at: datetime) -> datetime:
        wait = self._settings.first_retry_seconds * 2 ** min(transmission.attempts - 1, 20)
        jitter = self._chance.uniform(0.5, 1.0)
        return at + timedelta(seconds=min(wait, self._settings.longest_retry_seconds) * jitter)

    @staticmethod
    def _record(
        connection: sa.Connection, transmission: Transmission, code: str, error_code: str, at: datetime
    ) -> None:
        evidence = {"transmission": transmission.id, "list": transmission.list_name, "code": error_code}
        facts.record(connection, site=transmission.site, agent=transmission.agent, code=code, at=at, evidence=evidence)

    @staticmethod
    def _ended(transmission: Transmission, state: Literal["refused", "waiting"], error: AfluenteError) -> Loaded:
        return Loaded(transmission.id, transmission.site, transmission.list_name, state, error_code=error.code)
