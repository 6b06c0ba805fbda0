"""The row that stands for a whole list in a fleet's bronze table where no line of the list does.

It is line 0 of its transmission and takes no value of the list, so that what the list took away can still be told.

Invariant: a marker is never a line that stands, and names its list as the list's lines do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_KEPT = frozenset({"site", "_source", "_ingested_at", "_run_id", "_started_at"})


def marker_rows(lists: pa.Table, schema: pa.Schema) -> pa.Table:
    """A marker for each row of `lists`, which names a list by `site`, `_source` and `_started_at`; all else is null.

    `_ingested_at` and `_run_id` are kept where `lists` has them.
    """
    import pyarrow as pa

    kept = _KEPT.intersection(lists.column_names)
    given = {"_kind": pa.scalar("full"), "_source_row": pa.scalar(0)}
    columns = [
        lists.column(field.name).cast(field.type)
        if field.name in kept
        else pa.repeat(given.get(field.name, pa.scalar(None)).cast(field.type), lists.num_rows)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
