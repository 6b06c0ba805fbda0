"""A person's lines in a bronze table of the fleet, where lines of one row follow each other and a `D` takes it away.

A row (`site` and `row_key`) that last was the person's goes with all its lines, so that no older line takes its place; of
a row that is another's now only the person's own lines go. Of a site's newest whole list whose every line goes, one
stays without values, so that what the list took away stays away.

Invariant: what stands at each site afterwards is what stood before, without the person's rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from afluente.core.tables import TableName
from afluente.products.governance.row_match import Origin, by_origin
from afluente.products.governance.table_files import read_table_file
from afluente.runs.steps.whole_list_marker import marker_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.lake.lake import Lake

HASH = "row_hash"
"""Reckoned from all values of a line, and so telling of them."""
_COLUMNS = ("site", "row_key", "op", "_kind", "_source", "_source_row", "_started_at")
_EPOCH = datetime.min.replace(tzinfo=UTC)

Row = tuple[str, str]
"""`site` and `row_key`."""


@dataclass(frozen=True, slots=True)
class PersonLines:
    """`rows` go with all lines up to a moment, that of their newest line; of `markers` one line without values stays."""

    rows: Mapping[Row, datetime]
    markers: frozenset[Origin]

    def mask(self, lines: pa.Table) -> Any:
        """True for every line of the rows that go."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        mask = np.zeros(lines.num_rows, dtype=bool)
        if not self.rows or not set(_COLUMNS) <= set(lines.column_names):
            return mask
        keys = pa.array(sorted({key for _, key in self.rows}), pa.string())
        candidates = np.flatnonzero(pc.is_in(lines.column("row_key"), value_set=keys).to_numpy(zero_copy_only=False))
        found = lines.select(["site", "row_key", "_started_at"]).take(candidates).to_pylist()
        for at, line in zip(candidates, found, strict=True):
            mask[at] = line["_started_at"] <= self.rows.get((line["site"], line["row_key"]), _EPOCH)
        return mask

    def markers_of(self, lines: pa.Table) -> pa.Table:
        """The lines that stay as markers, without values."""
        import pyarrow as pa

        return marker_rows(lines.filter(pa.array(by_origin(lines, self.markers))), lines.schema)


def person_lines(lake: Lake, table: TableName, is_persons: Callable[[pa.Table], Any]) -> PersonLines:
    """What has to go of a table beside the lines that are the person's by their values."""
    snapshot = lake.snapshot(table)
    own: set[Origin] = set()
    touched: set[str] = set()
    for file in snapshot.live:
        whole = read_table_file(lake, snapshot, file.path)
        for line in _listed(whole, is_persons(whole)):
            own.add((line["_source"], line["_source_row"]))
            touched.add(line["row_key"])
    gathered: list[Mapping[str, Any]] = []
    lists: dict[str, dict[tuple[datetime, str], int]] = {}
    for file in snapshot.live if own else ():
        lines = read_table_file(lake, snapshot, file.path, _COLUMNS)
        gathered += _listed(lines, _is_in(lines, touched))
        for line in _counted(lines):
            counts = lists.setdefault(line["site"], {})
            place = (line["_started_at"], line["_source"])
            counts[place] = counts.get(place, 0) + line["_source_row_count"]
    rows = _last_the_persons(gathered, own)
    return PersonLines(rows, _markers(gathered, own, rows, lists))


def _last_the_persons(lines: list[Mapping[str, Any]], own: set[Origin]) -> dict[Row, datetime]:
    newest: dict[Row, tuple[datetime, str, bool]] = {}
    until: dict[Row, datetime] = {}
    for line in lines:
        row, started = (line["site"], line["row_key"]), line["_started_at"]
        until[row] = max(started, until.get(row, started))
        place = (started, line["_source"], (line["_source"], line["_source_row"]) in own)
        if line["op"] == "I":
            newest[row] = max(place, newest.get(row, place))
    return {row: until[row] for row, (_, _, is_own) in newest.items() if is_own}


def _markers(
    lines: list[Mapping[str, Any]],
    own: set[Origin],
    rows: Mapping[Row, datetime],
    lists: Mapping[str, Mapping[tuple[datetime, str], int]],
) -> frozenset[Origin]:
    going: dict[tuple[str, str], list[int]] = {}
    for line in lines:
        if (line["_source"], line["_source_row"]) in own or (line["site"], line["row_key"]) in rows:
            going.setdefault((line["site"], line["_source"]), []).append(line["_source_row"])
    found = set()
    for site, counts in lists.items():
        place = max(counts)
        numbers = going.get((site, place[1]), [])
        if len(numbers) == counts[place]:
            found.add((place[1], min(numbers)))
    return frozenset(found)


def _listed(lines: pa.Table, mask: Any) -> list[Mapping[str, Any]]:
    import pyarrow as pa

    return lines.select(list(_COLUMNS)).filter(pa.array(mask)).to_pylist()  # type: ignore[no-any-return]


def _is_in(lines: pa.Table, keys: set[str]) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.is_in(lines.column("row_key"), value_set=pa.array(sorted(keys), pa.string())).to_numpy(
        zero_copy_only=False
    )


def _counted(lines: pa.Table) -> list[Mapping[str, Any]]:
    """How many lines each whole list has here."""
    import pyarrow.compute as pc

    whole = lines.filter(pc.equal(lines.column("_kind"), "full"))
    grouped = whole.group_by(["site", "_source", "_started_at"]).aggregate([("_source_row", "count")])
    return grouped.to_pylist()  # type: ignore[no-any-return]
