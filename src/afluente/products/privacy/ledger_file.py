"""What one output of one release told, as a Parquet file of the private ledger.

Invariant: the same statements give the same bytes, in whatever order they come; reading gives them back sorted. The
position is the state's, not the file's: it is set when a file is read.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from afluente.core.errors import StateError
from afluente.products.privacy.region import Region, Told

if TYPE_CHECKING:
    import pyarrow as pa

_FORMAT = "1"
_MARK = b"afluente.ledger"


def write_ledger(path: Path, told: Sequence[Told]) -> None:
    """Write the statements to `path`, whose folder is made; the file is synced and appears whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        _row(one) for one in sorted({replace(one, position=0) if one.position else one for one in told}, key=_order)
    ]
    table = pa.Table.from_pylist(rows, schema=_schema())
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.unfinished")
    with unfinished.open("wb") as file:
        pq.write_table(table, file, compression="zstd", write_statistics=False, store_schema=False)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def read_ledger(path: Path, *, position: int = 0) -> tuple[Told, ...]:
    """The statements of a file, sorted, each at `position`. StateError `ledger.unreadable` when it is none of ours."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, partitioning=None)
        rows = table.select([field.name for field in _schema()]).cast(_schema()).to_pylist()
    except (OSError, KeyError, pa.ArrowException) as error:
        raise StateError(
            "ledger.unreadable",
            f"ledger file {path.name} cannot be read: {type(error).__name__}",
            hint="restore it from a backup: without it no release can be audited",
        ) from error
    return tuple(_told(row, position) for row in rows)


def _schema() -> pa.Schema:
    import pyarrow as pa

    pair = pa.struct([pa.field("column", pa.string(), nullable=False), pa.field("value", pa.string(), nullable=False)])
    fields = [
        ("facts", pa.string()),
        ("where", pa.string()),
        ("first", pa.date32()),
        ("last", pa.date32()),
        ("period_column", pa.string()),
        ("place_column", pa.string()),
        ("places", pa.list_(pa.string())),
        ("dimensions", pa.list_(pair)),
        ("quantity", pa.string()),
        ("column", pa.string()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("output", pa.string()),
        ("release", pa.string()),
        ("version", pa.int64()),
        ("entity", pa.string()),
        ("own", pa.list_(pa.string())),
    ]
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in fields], {_MARK: _FORMAT.encode()})


def _order(one: Told) -> tuple[object, ...]:
    return (
        one.output,
        one.release,
        one.region,
        one.quantity,
        one.column,
        one.entity,
        one.own,
        one.version,
        one.low,
        one.high,
    )


def _row(one: Told) -> dict[str, object]:
    region = one.region
    return {
        "facts": region.facts,
        "where": region.where,
        "first": region.first,
        "last": region.last,
        "period_column": region.period_column,
        "place_column": region.place_column,
        "places": list(region.places),
        "dimensions": [{"column": column, "value": value} for column, value in region.dimensions],
        "quantity": one.quantity,
        "column": one.column,
        "low": one.low,
        "high": one.high,
        "output": one.output,
        "release": one.release,
        "version": one.version,
        "entity": one.entity,
        "own": list(one.own),
    }


def _told(row: dict[str, object], position: int) -> Told:
    fields = dict(row)
    places, dimensions, own = fields.pop("places"), fields.pop("dimensions"), fields.pop("own")
    region = Region(
        **{name: fields.pop(name) for name in ("facts", "where", "first", "last", "period_column", "place_column")},  # type: ignore[arg-type]
        places=tuple(places),  # type: ignore[arg-type]
        dimensions=tuple((pair["column"], pair["value"]) for pair in dimensions),  # type: ignore[attr-defined]
    )
    return Told(region, own=tuple(own), position=position, **fields)  # type: ignore[arg-type]
