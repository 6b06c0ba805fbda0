"""Keeping what was loaded in bronze, list by list, in batches; and keeping the bronze tables in few files.

Invariant: a list's table is written by one process at a time while leases hold, and exactly once whatever happens to
them (see bronze.py); what cannot be read or written waits and holds nobody else's up; nothing is given up.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from afluente.core.clock import Clock
from afluente.core.errors import AfluenteError
from afluente.core.ids import new_id
from afluente.core.tables import TableName
from afluente.fleet import bronze_queue, facts
from afluente.fleet.bronze import Kept, LakeBronze
from afluente.fleet.bronze_expiry import expire
from afluente.fleet.due import LONGEST_WAIT
from afluente.fleet.landed import OpenLanded
from afluente.fleet.refusal import FleetError
from afluente.fleet.transmission import Transmission
from afluente.lake.lake import TARGET_BYTES, Lake
from afluente.state import audit_chain
from afluente.state.database import Database
from afluente_agent.protocol import fact_codes

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeeperSettings:
    """A batch is made of what waits when there is enough of it, or when the oldest has waited long enough.

    A table whose files below half the target are so many is compacted, at most once in `compact_seconds`; lines that
    stand no more and began `expire_days` ago (None: however old) are deleted then, and the files that only versions older
    than `history_hours` need.
    """

    batch_transmissions: int = 500
    batch_bytes: int = 32 << 20
    age_seconds: float = 300
    lease_seconds: float = 300
    first_retry_seconds: float = 30
    longest_retry_seconds: float = 1800
    stuck_after_attempts: int = 6
    compact_files: int = 16
    compact_seconds: float = 6 * 3600
    target_bytes: int = TARGET_BYTES
    history_hours: float = 168
    expire_days: float | None = None


class BronzeKeeper:
    """Several may work over one state and one lake."""

    def __init__(
        self,
        database: Database,
        lake: Lake,
        *,
        clock: Clock,
        open_landed: OpenLanded,
        settings: KeeperSettings | None = None,
    ) -> None:
        self._database = database
        self._lake = lake
        self._clock = clock
        self._open_landed = open_landed
        self._settings = settings or KeeperSettings()
        self._bronze = LakeBronze(lake, clock=clock)
        self.worker = new_id(clock.now())

    def keep_due(self, *, is_all: bool = False) -> int:
        """Keep what is due (`is_all`: everything that waits); how many transmissions were kept.

        What fails is logged and put off. A list that another process writes is passed over.
        """
        total = 0
        with self._database.read() as connection:
            lists = bronze_queue.waiting(connection, at=self._clock.now())
        for found in lists:
            if is_all or self._is_due(found):
                with self._turn(found.list_name) as is_ours:
                    total += self._keep_list(found, is_all=is_all) if is_ours else 0
        return total

    def compact_due(self) -> int:
        """Join the small files of the tables that have many, and delete what is past its time; how many tables."""
        at = self._clock.now()
        with self._database.read() as connection:
            lists = bronze_queue.last_compacted(connection)
        limit = at - timedelta(seconds=self._settings.compact_seconds)
        done = 0
        for list_name, before in lists.items():
            if before is None or not limit < before <= at + LONGEST_WAIT:
                with self._turn(list_name) as is_ours:
                    done += is_ours and self._compact(list_name)
        return done

    def _is_due(self, found: bronze_queue.Waiting) -> bool:
        settings, at = self._settings, self._clock.now()
        is_young = at - timedelta(seconds=settings.age_seconds) < found.oldest_at <= at + LONGEST_WAIT
        return (
            found.transmissions >= settings.batch_transmissions
            or found.size_bytes >= settings.batch_bytes
            or not is_young
        )

    def _keep_list(self, found: bronze_queue.Waiting, *, is_all: bool) -> int:
        """Batches of a list for as long as they are whole, and one more when it is time."""
        settings = self._settings
        total = 0
        while True:
            with self._database.read() as connection:
                taken = bronze_queue.batch(
                    connection,
                    found.list_name,
                    at=self._clock.now(),
                    most=settings.batch_transmissions,
                    most_bytes=settings.batch_bytes,
                )
            if not taken:
                return total
            total += (kept := self._keep(taken))
            left = found.transmissions - total
            is_enough = left < settings.batch_transmissions and not is_all
            if not kept or is_enough:
                return total
            self._hold_turn(found.list_name)

    def _keep(self, taken: list[Transmission]) -> int:
        try:
            done = self._bronze.keep(taken, self._open_landed)
        except AfluenteError as error:
            _log.error("a batch was not kept in bronze", extra={"code": error.code, "list": taken[0].list_name})
            self._put_off(taken, {one.id: error for one in taken})
            return 0
        except Exception as error:  # noqa: BLE001 - the boundary of a worker; it is reported and tried again
            _log.exception("a batch failed in a way nobody expected", extra={"list": taken[0].list_name})
            return self._keep_each(taken, error)
        return self._end(taken, done)

    def _keep_each(self, taken: list[Transmission], error: Exception) -> int:
        """One by one, so that what nobody expected of one holds up its own site's list alone."""
        if len(taken) == 1:
            unexpected = FleetError("bronze.failed", f"bronze failed: {type(error).__name__}", retryable=True)
            self._put_off(taken, {taken[0].id: unexpected})
            return 0
        kept, failed = 0, set[str]()
        for one in taken:
            if one.site not in failed:
                is_kept = self._keep([one])
                kept += is_kept
                failed |= set() if is_kept else {one.site}
        return kept

    def _end(self, taken: list[Transmission], done: Kept) -> int:
        with self._database.write() as connection:
            bronze_queue.kept(connection, done.kept)
        if done.failed:
            self._put_off([one for one in taken if one.id in done.failed], dict(done.failed))
        return len(done.kept)

    def _put_off(self, failed: list[Transmission], errors: dict[str, AfluenteError]) -> None:
        """Wait twice as long each time, by what the one waited that was tried most."""
        at, settings = self._clock.now(), self._settings
        with self._database.write() as connection:
            attempts = bronze_queue.count_attempt(connection, list(errors))
            wait = settings.first_retry_seconds * 2 ** min(max(attempts.values(), default=1) - 1, 20)
            until = at + timedelta(seconds=min(wait, settings.longest_retry_seconds))
            bronze_queue.put_off(connection, list(errors), until=until)
            for one in failed:
                if attempts.get(one.id) == settings.stuck_after_attempts:
                    evidence = {"transmission": one.id, "list": one.list_name, "code": errors[one.id].code}
                    code = fact_codes.HUB_LOAD_STUCK
                    facts.record(connection, site=one.site, agent=one.agent, code=code, at=at, evidence=evidence)

    def _compact(self, list_name: str) -> bool:
        table, settings = TableName("bronze", list_name), self._settings
        snapshot = self._lake.find(table)
        if snapshot is None:
            return False
        small = sum(file.size_bytes < settings.target_bytes // 2 for file in snapshot.live)
        if small < settings.compact_files and settings.expire_days is None:
            return False
        at = self._clock.now()
        try:
            if settings.expire_days is not None:
                self._expire(table, at, days=settings.expire_days)
            if small >= settings.compact_files:
                self._lake.optimize(table, settings.target_bytes)
            self._lake.vacuum(table, settings.history_hours, dry_run=False, full=True)
        except AfluenteError as error:
            _log.error("a bronze table was not compacted", extra={"code": error.code, "list": list_name})
            return False
        with self._database.write() as connection:
            bronze_queue.compacted(connection, list_name, at=at)
        return True

    def _expire(self, table: TableName, at: datetime, *, days: float) -> None:
        gone = expire(self._lake, table, before=at - timedelta(days=days))
        if gone:
            with self._database.write() as connection:
                audit_chain.record(
                    connection,
                    at=at,
                    actor="hub",
                    action="retention.expired",
                    subject=str(table),
                    payload={"lines": gone},
                )

    @contextmanager
    def _turn(self, list_name: str) -> Iterator[bool]:
        is_ours = self._hold_turn(list_name)
        try:
            yield is_ours
        finally:
            if is_ours:
                with self._database.write() as connection:
                    bronze_queue.end_turn(connection, list_name, worker=self.worker, at=self._clock.now())

    def _hold_turn(self, list_name: str) -> bool:
        with self._database.write() as connection:
            return bronze_queue.take_turn(
                connection,
                list_name,
                worker=self.worker,
                at=self._clock.now(),
                lease_seconds=self._settings.lease_seconds,
            )
