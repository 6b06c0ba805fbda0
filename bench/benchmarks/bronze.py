"""A morning's deltas of every site into one bronze table: in batches, as the hub keeps them, and each by itself."""

from __future__ import annotations

import io
import os
import shutil
import time
import uuid
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bench.registry import Options
from afluente.demo.transmissor.rush.lists import COLUMNS, LIST, SCHEMA, packed, site_name, values

if TYPE_CHECKING:
    from afluente.fleet.transmission import Transmission

DEFAULT_ROWS = 10
SITES = 5_571
ALONE = 400
SUMMARY = "deltas of --sites sites (--rows lines each) kept in bronze: batches over one commit a transmission"


@dataclass(frozen=True, slots=True)
class _Measured:
    transmissions: int
    commits: int
    files: int
    seconds: float
    processor_seconds: float
    log_bytes: int
    compaction_seconds: float

    def per_transmission(self) -> float:
        return self.processor_seconds / self.transmissions


def run(options: Options) -> Mapping[str, float | None]:
    """bronze: processor seconds a transmission in batches over those of one commit each."""
    from afluente.fleet.bronze_keeper import KeeperSettings

    options.data.mkdir(parents=True, exist_ok=True)
    sites = options.sites or SITES
    count, content = packed("delta", [values(site_name(0), row) for row in range(options.rows)])
    batch = KeeperSettings().batch_transmissions
    measured = {
        "batches": _measure(options.data / "batches", sites, batch, count, content),
        "each by itself": _measure(options.data / "alone", min(ALONE, sites), 1, count, content),
    }
    for name, one in measured.items():
        print(
            f"  {name:<15} {one.transmissions:>6} transmissions  {one.commits:>5} commits  {one.files:>5} files  "
            f"{one.seconds:7.1f} s  {one.processor_seconds:7.1f} processor s "
            f"({1000 * one.per_transmission():6.2f} ms each)  log {one.log_bytes / 1e6:6.2f} MB  "
            f"compaction {one.compaction_seconds:5.1f} processor s"
        )
    batches, alone = measured["batches"], measured["each by itself"]
    return {
        "bronze": batches.per_transmission() / alone.per_transmission(),
        "bronze_commits": (batches.commits / batches.transmissions) / (alone.commits / alone.transmissions),
    }


def _measure(folder: Path, sites: int, batch: int, rows: int, content: bytes) -> _Measured:
    from afluente.core.clock import SystemClock
    from afluente.core.tables import TableName
    from afluente.fleet.bronze import LakeBronze
    from afluente.lake.lake import Lake

    shutil.rmtree(folder, ignore_errors=True)
    lake, table = Lake(str(folder), project_name="bench"), TableName("bronze", LIST)
    bronze = LakeBronze(lake, clock=SystemClock())
    sent = [_transmission(number, rows, content) for number in range(sites)]
    began, processor = time.perf_counter(), _processor_seconds()
    for start in range(0, sites, batch):
        bronze.keep(sent[start : start + batch], lambda _: nullcontext(io.BytesIO(content)))
    seconds, processor = time.perf_counter() - began, _processor_seconds() - processor
    snapshot = lake.snapshot(table)
    if snapshot.rows != sites * rows:
        raise AssertionError(f"bronze holds {snapshot.rows} rows, not {sites * rows}")
    log = sum(path.stat().st_size for path in Path(snapshot.address, "_delta_log").iterdir())
    compaction = _processor_seconds()
    lake.optimize(table)
    compaction = _processor_seconds() - compaction
    return _Measured(sites, snapshot.version + 1, len(snapshot.live), seconds, processor, log, compaction)


def _transmission(number: int, rows: int, content: bytes) -> Transmission:
    from afluente.fleet.transmission import Transmission

    name = str(uuid.uuid5(uuid.NAMESPACE_OID, f"bronze {number}"))
    started = datetime(2026, 9, 1, 11, tzinfo=UTC) + timedelta(milliseconds=number)
    return Transmission(
        id=name, site=site_name(number), agent="", list_name=LIST, kind="delta", base="", rows=rows,
        size_bytes=len(content), sha256="", schema=SCHEMA, columns=COLUMNS, catalogue_version=1, extracted_at=0,
        started_at=started, landed_path=name, attempts=1,
    )  # fmt: skip


def _processor_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system
