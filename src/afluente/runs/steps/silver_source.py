"""A silver table as the source of another: its rows given the origin that bronze rows have.

Invariant: the same rows get the same origin on every engine: the table's name, and their number in the order of all
their columns. So a row that is refused keeps its `_quarantine_id` as long as the rows before it stay. No file of them is
left when the step is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa

from afluente.conform.dialect import Dialect
from afluente.conform.execute import BronzeFile
from afluente.lake.snapshot import Snapshot
from afluente.runs.steps.views import register_snapshot
from afluente.runs.steps.workspace import Workspace

_VIEW = "conform_silver_source"
_ORIGIN = (
    pa.field("_source", pa.string()),
    pa.field("_source_row", pa.int64()),
    pa.field("_ingested_at", pa.timestamp("us", tz="UTC")),
    pa.field("_run_id", pa.string()),
)


@contextmanager
def staged_silver(
    workspace: Workspace, snapshot: Snapshot, dialect: Dialect, *, into: str, moment: str, run_id: str
) -> Iterator[tuple[pa.Schema, Sequence[BronzeFile]]]:
    """Files of a snapshot's rows with their origin, and their columns, in the stage for as long as the `with` lasts."""
    engine = workspace.engine
    schema = pa.schema([*snapshot.schema, *_ORIGIN])
    names = [dialect.identifier(name) for name in snapshot.schema.names]
    order = ", ".join(f"{name} ASC NULLS FIRST" for name in names)
    number = f"CAST(row_number() OVER (ORDER BY {order}) AS {dialect.sql_type('bigint')})"
    instant = f"CAST({dialect.literal(moment)} AS {dialect.sql_type('timestamp')})"
    sql = (
        f"SELECT {', '.join(names)}, {dialect.literal(str(snapshot.table))} AS _source, {number} AS _source_row,"
        f" {instant} AS _ingested_at, {dialect.literal(run_id)} AS _run_id FROM {_VIEW}"
    )
    with workspace.stage_folder(into) as folder:
        register_snapshot(engine, _VIEW, snapshot)
        try:
            files = engine.write_parquet(sql, folder, schema=schema)
        finally:
            engine.drop(_VIEW)
        yield schema, [BronzeFile(f"{folder}/{file.path}", file.rows) for file in files]
