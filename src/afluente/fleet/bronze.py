"""Landed transmissions kept verbatim in bronze of the lake, from where the river goes on.

Invariant: a transmission's lines are in bronze once, however often they are kept: the commit carries the site's list
and the moment its transmission began, and a commit that is there already is not made again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from afluente.core.clock import Clock
from afluente.core.tables import TableName
from afluente.fleet.landed import OpenLanded, unpacked
from afluente.fleet.refusal import FleetError
from afluente.fleet.transmission import Transmission, check_names
from afluente_agent.list_format import EXTRA_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.lake.lake import Lake
    from afluente.lake.plan import Commit, Committed
    from afluente.lake.snapshot import Snapshot

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BATCH_BYTES = 4 << 20
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"\\": "\\", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class LakeBronze:
    """Bronze tables named as the lists. A table is made by its first transmission and widened by later ones."""

    def __init__(self, lake: Lake, *, clock: Clock) -> None:
        self._lake = lake
        self._clock = clock

    def keep(self, transmission: Transmission, open_landed: OpenLanded) -> Committed | None:
        """Append a transmission's lines; None when they are there. Raises FleetError and LakeError."""
        check_names(transmission)
        table = TableName("bronze", transmission.list_name)
        app_id = self._lake.app_id(f"fleet:{transmission.list_name}:{transmission.site}")
        version = (transmission.started_at - EPOCH) // timedelta(microseconds=1)
        schema = _schema(transmission.columns)
        snapshot = self._lake.find(table)
        if snapshot is not None:
            if snapshot.transaction_version(app_id) >= version:
                return None
            snapshot = self._lake.widen(table, schema)
            schema = snapshot.schema
        with open_landed(transmission.landed_path) as stream:
            pieces = unpacked(stream, columns=len(transmission.columns), size_bytes=transmission.size_bytes)
            batches = self._batches(transmission, pieces, schema)
            files = self._lake.write_batches(table, schema, batches)

        def planner(newest: Snapshot | None) -> Commit | None:
            if newest is not None and newest.transaction_version(app_id) >= version:
                return None
            return self._lake.plan(
                table,
                newest,
                "create" if newest is None else "append",
                files,
                schema=schema if newest is None else newest.schema,
                app_id=app_id,
                app_version=version,
                input_signature=transmission.sha256,
                details={"transmission": transmission.id},
            )

        return self._lake.write(table, planner)

    def _batches(
        self, transmission: Transmission, pieces: Iterator[bytes], schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """Record batches of about BATCH_BYTES of text each, with the columns of `schema`."""
        now = self._clock.now()
        buffered: list[list[str | None]] = []
        size, first = 0, 1
        for block in pieces:
            buffered += [read_line(line) for line in block[:-1].split(b"\n")] if block else []
            size += len(block)
            if size >= BATCH_BYTES:
                yield _batch(transmission, buffered, first, now, schema)
                first += len(buffered)
                buffered, size = [], 0
        if buffered:
            yield _batch(transmission, buffered, first, now, schema)


def read_line(line: bytes) -> list[str | None]:
    """The fields of a checked line, unescaped. Raises FleetError."""
    try:
        return [_read_field(field) for field in line.decode().split("\t")]
    except UnicodeDecodeError:
        raise FleetError("loading.rows", "a line of the list is not UTF-8") from None


def _read_field(field: str) -> str | None:
    if "\\" not in field:
        return field
    if field == "\\N":
        return None
    return _ESCAPED.sub(lambda found: _ESCAPES[found[1]], field)


def _schema(columns: tuple[str, ...]) -> pa.Schema:
    import pyarrow as pa

    texts = ("site", *EXTRA_COLUMNS, "_kind", *columns)
    return pa.schema(
        [
            *((name, pa.string()) for name in texts),
            ("_source", pa.string()),
            ("_source_row", pa.int64()),
            ("_ingested_at", pa.timestamp("us", tz="UTC")),
            ("_run_id", pa.string()),
        ]
    )


def _batch(
    transmission: Transmission, rows: list[list[str | None]], first: int, now: datetime, schema: pa.Schema
) -> pa.RecordBatch:
    import pyarrow as pa

    count = len(rows)
    names = (*EXTRA_COLUMNS, *transmission.columns)
    values = dict(zip(names, zip(*rows, strict=True), strict=True))
    known: dict[str, object] = {
        "site": [transmission.site] * count,
        "_kind": [transmission.kind] * count,
        "_source": [transmission.id] * count,
        "_source_row": list(range(first, first + count)),
        "_ingested_at": [now] * count,
        "_run_id": [""] * count,
        **values,
    }
    arrays = [pa.array(known.get(field.name, [None] * count), field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
