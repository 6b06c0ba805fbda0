"""The rows that stand at each site now, out of a fleet's bronze table, which holds whole lists and what changed since.

Of a site counts what its newest whole list brought and what came after; of a row, the newest line; a line that takes
the row away leaves none. A site whose whole list is not in bronze has no rows: what stood before is not known.

Invariant: what is written here is never committed, and is deleted when it was read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from afluente.core.tables import DataFile
from afluente.engines.engine import Engine
from afluente.lake.lake import Lake
from afluente.lake.snapshot import Snapshot
from afluente.runs.steps.views import register_snapshot

LINES = "fleet_lines"
"""The view of a table's lines that the queries here read."""
WHOLE_LISTS = f"SELECT site AS whole_site, max(_started_at) AS whole_at FROM {LINES} WHERE _kind = 'full' GROUP BY site"
"""When the newest whole list of each site began."""
STANDING = f"""
SELECT _source AS present_source, _source_row AS present_row FROM (
  SELECT l._source, l._source_row, l.op,
    row_number() OVER (PARTITION BY l.site, l.row_key ORDER BY l._started_at DESC, l._source DESC) AS place
  FROM {LINES} AS l JOIN ({WHOLE_LISTS}) AS w ON l.site = w.whole_site AND l._started_at >= w.whole_at
  WHERE l._source_row > 0
) AS ranked WHERE place = 1 AND op = 'I'
"""
"""The lines that stand, by their transmission and their number in it."""
_PRESENT = f"""
SELECT b.* FROM {LINES} AS b JOIN ({STANDING}) AS p ON b._source = p.present_source AND b._source_row = p.present_row
"""


@contextmanager
def present_files(engine: Engine, lake: Lake, bronze: Snapshot) -> Iterator[list[DataFile]]:
    """Files of the table's folder with the rows that stand, of the table's schema, for as long as the `with` lasts."""
    register_snapshot(engine, LINES, bronze)
    try:
        files = engine.write_parquet(_PRESENT, bronze.address, schema=bronze.schema)
    finally:
        engine.drop(LINES)
    try:
        yield files
    finally:
        lake.discard(bronze.table, files)
