"""Landed transmissions kept verbatim in bronze of the lake, many in one commit, from where the river goes on.

Invariant: a transmission's lines are in bronze once, however often they are kept and by however many: the commit
carries, for each site's list in it, the moment at which the newest of its transmissions began, and is made only while
the table stands for each of them where it stood when the files were written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from afluente.core.clock import Clock
from afluente.core.errors import AfluenteError, LakeError
from afluente.core.tables import DataFile, TableName
from afluente.fleet.bronze_rows import ListRows, bronze_schema
from afluente.fleet.landed import OpenLanded, unpacked
from afluente.fleet.refusal import FleetError
from afluente.fleet.transmission import Transmission, check_names

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.lake.lake import Lake
    from afluente.lake.plan import Commit, Committed
    from afluente.lake.snapshot import Snapshot

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COMMIT_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of a batch. `failed` are those whose landed file cannot be read now, and what follows them."""

    kept: tuple[str, ...]
    failed: Mapping[str, AfluenteError]
    committed: Committed | None


class LakeBronze:
    """Bronze tables named as the lists. A table is made by its first transmission and widened by later ones."""

    def __init__(self, lake: Lake, *, clock: Clock) -> None:
        self._lake = lake
        self._clock = clock

    def keep(self, batch: Sequence[Transmission], open_landed: OpenLanded) -> Kept:
        """Append the lines of transmissions of one list in one commit, in the order in which they began.

        None of a site's list may be left out that began before one in the batch and is not kept yet. Raises LakeError
        when the lake fails; then nothing of the batch is kept.
        """
        keeping = _Keeping(self._lake, self._clock, batch, open_landed)
        committed = self._lake.write(keeping.table, keeping.plan, attempts=COMMIT_ATTEMPTS)
        return Kept(
            tuple(one.id for one in keeping.batch if one.id not in keeping.failed), dict(keeping.failed), committed
        )


@dataclass(slots=True)
class _Keeping:
    """One batch on its way: what is written stays good for as long as the same transmissions wait."""

    lake: Lake
    clock: Clock
    batch: Sequence[Transmission]
    open_landed: OpenLanded
    failed: dict[str, AfluenteError] = field(default_factory=dict)
    _written: tuple[str, ...] = ()
    _files: tuple[DataFile, ...] = ()
    _schema: pa.Schema | None = None
    _reading: Transmission | None = None

    def __post_init__(self) -> None:
        self.batch = sorted(self.batch, key=lambda one: (one.started_at, one.id))

    @property
    def table(self) -> TableName:
        return TableName("bronze", self.batch[0].list_name)

    def plan(self, newest: Snapshot | None) -> Commit | None:
        """The commit of what is not there yet; None when all of it is."""
        names = {one.id: self.lake.app_id(f"fleet:{one.list_name}:{one.site}") for one in self.batch}
        stood = {} if newest is None else self.lake.transaction_versions(newest, names.values())
        waiting = [
            one for one in self.batch if one.id not in self.failed and stood.get(names[one.id], 0) < _version(one)
        ]
        if newest is not None and waiting:
            newest = self.lake.widen(self.table, bronze_schema(_columns(waiting)))
        waiting = self._write(waiting, newest)
        if not waiting:
            return None
        reached = {names[one.id]: _version(one) for one in waiting}
        assert self._schema is not None
        first = names[waiting[0].id]
        return self.lake.plan(
            self.table,
            newest,
            "create" if newest is None else "append",
            self._files,
            schema=self._schema,
            app_id=first,
            app_version=reached[first],
            also={app_id: version for app_id, version in reached.items() if app_id != first},
            seen={} if newest is None else {app_id: stood.get(app_id, 0) for app_id in reached},
            details={"transmissions": str(len(waiting))},
        )

    def _write(self, waiting: list[Transmission], newest: Snapshot | None) -> list[Transmission]:
        """Write the files of those that wait, without those that cannot be read; which these are."""
        while waiting:
            schema = bronze_schema(_columns(waiting)) if newest is None else newest.schema
            wanted = tuple(one.id for one in waiting)
            if wanted == self._written and schema == self._schema:
                return waiting
            try:
                files = self.lake.write_batches(self.table, schema, self._rows(waiting, schema))
            except LakeError:
                raise
            except AfluenteError as error:
                waiting = self._without_failed(waiting, error)
                continue
            self._files, self._schema, self._written = tuple(files), schema, wanted
        return waiting

    def _without_failed(self, waiting: Iterable[Transmission], error: AfluenteError) -> list[Transmission]:
        """Those before the one that failed, and those of other sites: its site's later ones wait for it."""
        broken = self._reading
        assert broken is not None, "only reading a transmission fails so"
        left = []
        for one in waiting:
            if one.site == broken.site and _version(one) >= _version(broken):
                self.failed[one.id] = error
            else:
                left.append(one)
        return left

    def _rows(self, waiting: Iterable[Transmission], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        now = self.clock.now()
        for one in waiting:
            self._reading = one
            check_names(one)
            rows = ListRows(one, schema, kept_at=now)
            try:
                with self.open_landed(one.landed_path) as stream:
                    yield from rows.of(unpacked(stream, columns=len(one.columns), size_bytes=one.size_bytes))
            except OSError as error:
                raise FleetError(
                    "landing.unreadable", f"the landed file cannot be read: {error.strerror}", retryable=True
                ) from error


def _version(transmission: Transmission) -> int:
    return (transmission.started_at - EPOCH) // timedelta(microseconds=1)


def _columns(transmissions: Iterable[Transmission]) -> tuple[str, ...]:
    """The columns of all their lists, in the order in which they come."""
    return tuple(dict.fromkeys(column for one in transmissions for column in one.columns))
