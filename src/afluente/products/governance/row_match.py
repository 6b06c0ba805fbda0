"""Which rows of an Arrow table are a person's: by the values of columns, by origin, by the person's texts.

Invariant: a mask has a value for every row and no null.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

Origin = tuple[str, int]
"""A row of what was received: `_source` and `_source_row`."""


def texts_of(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A flat column as the texts it is compared by."""
    import pyarrow as pa
    import pyarrow.types as pt

    from afluente.products.governance.canonical_value import text_of

    if pt.is_string(column.type) or pt.is_large_string(column.type):
        return column.cast(pa.string())
    if pt.is_signed_integer(column.type):
        return column.cast(pa.string())
    return pa.chunked_array([pa.array([text_of(value) for value in column.to_pylist()], pa.string())])


def by_values(table: pa.Table, wanted: Mapping[str, Collection[str]]) -> Any:
    """True where any of the columns holds one of its wanted texts. Columns the table lacks say nothing."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    mask = np.zeros(table.num_rows, dtype=bool)
    for name, values in wanted.items():
        if name in table.column_names and values:
            found = pc.is_in(texts_of(table.column(name)), value_set=pa.array(sorted(values), pa.string()))
            mask |= found.to_numpy(zero_copy_only=False).astype(bool)
    return mask


def by_origin(table: pa.Table, origins: Collection[Origin]) -> Any:
    """True where `_source` and `_source_row` are one of these."""
    import numpy as np

    mask = np.zeros(table.num_rows, dtype=bool)
    if not origins or not {"_source", "_source_row"} <= set(table.column_names):
        return mask
    candidates = np.flatnonzero(by_values(table, {"_source": {source for source, _ in origins}}))
    if not len(candidates):
        return mask
    rows = table.select(["_source", "_source_row"]).take(candidates).to_pylist()
    hits = [at for at, row in zip(candidates, rows, strict=True) if (row["_source"], row["_source_row"]) in origins]
    mask[hits] = True
    return mask


def by_texts(table: pa.Table, texts: Collection[str]) -> Any:
    """True where any text of the row, also inside its lists of failures, is one of these."""
    import numpy as np
    import pyarrow.types as pt

    mask = np.zeros(table.num_rows, dtype=bool)
    if not texts:
        return mask
    flat = [field.name for field in table.schema if pt.is_string(field.type) or pt.is_large_string(field.type)]
    mask |= by_values(table, dict.fromkeys(flat, texts))
    for field in table.schema:
        if pt.is_list(field.type):
            rows = table.column(field.name).to_pylist()
            mask |= np.fromiter((_holds(value, texts) for value in rows), dtype=bool, count=table.num_rows)
    return mask


def by_pattern(table: pa.Table, column: str, pattern: re.Pattern[str] | None) -> Any:
    """True where the text of a column holds the pattern anywhere."""
    import numpy as np

    if pattern is None or column not in table.column_names:
        return np.zeros(table.num_rows, dtype=bool)
    values = table.column(column).to_pylist()
    found = (value is not None and pattern.search(value) is not None for value in values)
    return np.fromiter(found, dtype=bool, count=table.num_rows)


def _holds(value: object, texts: Collection[str]) -> bool:
    match value:
        case str():
            return value in texts
        case list():
            return any(_holds(one, texts) for one in value)
        case dict():
            return any(_holds(one, texts) for one in value.values())
    return False
