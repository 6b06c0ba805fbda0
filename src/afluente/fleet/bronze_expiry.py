"""Lines of a list's bronze table that no longer stand, deleted when they are old enough (LGPD art. 15 and 16).

A line stands while its row does: it is the newest of its row since the site's newest whole list, and does not take the
row away. Of the newest whole list of each site a row without values stays, so that what followed it can still be told.

Invariant: what is present at each site (`take: present`) is the same before and after, wherever it is cut off; a line that
stands, or is younger than the limit, is never deleted. Whoever calls has the list's turn.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from afluente.core.tables import DataFile, TableName
from afluente.engines.engine import Engine
from afluente.lake.lake import Lake
from afluente.lake.snapshot import Snapshot
from afluente.runs.steps.present import LINES, STANDING, WHOLE_LISTS
from afluente.runs.steps.whole_list_marker import marker_rows

KEYS = ("_source", "_source_row")
MEMORY_LIMIT = "512MB"
_UNMARKED = f"""
SELECT DISTINCT l.site, l._source, l._started_at FROM {LINES} AS l
JOIN ({WHOLE_LISTS}) AS w ON l.site = w.whole_site AND l._started_at = w.whole_at
WHERE l._kind = 'full' AND NOT EXISTS (SELECT 1 FROM {LINES} AS m WHERE m._source = l._source AND m._source_row = 0)
"""
_GONE = f"""
SELECT l._source, l._source_row FROM {LINES} AS l
JOIN ({WHOLE_LISTS}) AS w ON l.site = w.whole_site
LEFT JOIN ({STANDING}) AS p ON l._source = p.present_source AND l._source_row = p.present_row
WHERE l._started_at < TIMESTAMPTZ '{{before}}' AND p.present_source IS NULL
  AND (l._source_row > 0 OR l._started_at < w.whole_at)
"""


def expire(lake: Lake, table: TableName, *, before: datetime) -> int:
    """Delete the lines that began before a moment and stand no more; how many. Raises LakeError, CommitConflict."""
    snapshot = lake.find(table)
    if snapshot is None or "_started_at" not in snapshot.schema.names:
        return 0
    with _engine(lake) as engine:
        marked = _mark(lake, engine, snapshot)
        _register(engine, marked)
        keys = pa.schema([(name, marked.schema.field(name).type) for name in KEYS])
        gone = engine.write_parquet(_GONE.format(before=before.isoformat()), marked.address, schema=keys)
        try:
            return _delete(lake, marked, gone)
        finally:
            lake.discard(table, gone)


def _delete(lake: Lake, snapshot: Snapshot, gone: list[DataFile]) -> int:
    rows = sum(file.rows for file in gone)
    if rows:
        app_id = lake.app_id(f"expire:{snapshot.table}")
        lake.commit(
            lake.plan(
                snapshot.table,
                snapshot,
                "delete",
                gone,
                schema=snapshot.schema,
                app_id=app_id,
                app_version=snapshot.transaction_version(app_id) + 1,
                keys=KEYS,
                details={"expired": str(rows)},
            )
        )
    return rows


def _mark(lake: Lake, engine: Engine, snapshot: Snapshot) -> Snapshot:
    """Leave a row of each newest whole list that outlives its lines."""
    _register(engine, snapshot)
    found = engine.query(_UNMARKED)
    if not found.num_rows:
        return snapshot
    marks = marker_rows(found, snapshot.schema)
    app_id = lake.app_id(f"mark:{snapshot.table}")
    done = lake.commit(
        lake.plan(
            snapshot.table,
            snapshot,
            "append",
            lake.write_batches(snapshot.table, snapshot.schema, marks.to_batches()),
            schema=snapshot.schema,
            app_id=app_id,
            app_version=snapshot.transaction_version(app_id) + 1,
        )
    )
    return lake.snapshot(snapshot.table, done.version)


def _register(engine: Engine, snapshot: Snapshot) -> None:
    engine.register(LINES, snapshot.files, snapshot.schema)


@contextmanager
def _engine(lake: Lake) -> Iterator[Engine]:
    """A small DuckDB of our own: the hub has other work."""
    from afluente.engines.open import open_engine
    from afluente.project.settings import EngineSettings

    filesystem = lake.filesystem()
    with tempfile.TemporaryDirectory(prefix="expiry-", dir=lake.temp_folder()) as folder:
        engine = open_engine(
            EngineSettings(memory_limit=MEMORY_LIMIT, threads=1),
            timezone="UTC",
            temp_folder=Path(folder),
            filesystems={} if filesystem is None else {lake.location.scheme: filesystem},
            folders=[lake.location.root] if lake.location.is_local else (),
        )
        try:
            yield engine
        finally:
            engine.close()
