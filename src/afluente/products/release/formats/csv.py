"""CSV: UTF-8, commas, line feeds, quotes where they are needed; null is nothing, an empty text is `""`.

Invariant: no cell of text begins a formula (see `formula`); numbers are written as they are.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from afluente.products.release.formats.cells import batches_of, is_text, plain_text
from afluente.products.release.formats.formula import neutral, neutral_column

_NEEDS_QUOTES = '^$|[",\r\n]|^ | $'


def write_csv(path: Path, table: pa.Table) -> None:
    with path.open("wb") as file:
        names = pa.array([neutral(name) for name in table.column_names], pa.string())
        file.write((",".join(_quoted(names).to_pylist()) + "\n").encode())
        for batch in batches_of(table):
            cells = [pc.fill_null(_cells(column), "") for column in batch.columns]
            lines = pc.binary_join_element_wise(*cells, ",") if len(cells) > 1 else cells[0]
            file.write(("\n".join(lines.to_pylist()) + "\n").encode())


def _cells(column: pa.Array) -> pa.Array:
    if is_text(column.type):
        return _quoted(neutral_column(column.cast(pa.string())))
    return plain_text(column)


def _quoted(texts: pa.Array) -> pa.Array:
    needs = pc.match_substring_regex(texts, _NEEDS_QUOTES)
    if not pc.any(needs).as_py():
        return texts
    doubled = pc.replace_substring(texts, '"', '""')
    return pc.if_else(needs, pc.binary_join_element_wise(pa.scalar('"'), doubled, pa.scalar('"'), ""), texts)
