"""JSON lines: one object a row, keys in the contract's order, decimals as numbers with all their digits."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from afluente.products.release.formats.cells import batches_of, is_number, is_text, plain_text


def write_jsonl(path: Path, table: pa.Table) -> None:
    names = [json.dumps(name, ensure_ascii=False) for name in table.column_names]
    with path.open("wb") as file:
        for batch in batches_of(table):
            parts: list[pa.Array | pa.Scalar] = []
            for position, (name, column) in enumerate(zip(names, batch.columns, strict=True)):
                parts += [pa.scalar(f"{',' if position else '{'}{name}:"), pc.fill_null(_values(column), "null")]
            lines = pc.binary_join_element_wise(*parts, pa.scalar("}"), "")
            file.write(("\n".join(lines.to_pylist()) + "\n").encode())


def _values(column: pa.Array) -> pa.Array:
    if is_text(column.type):
        return _encoded(column.cast(pa.string()))
    if is_number(column.type) or pa.types.is_boolean(column.type):
        return plain_text(column)
    return _encoded(plain_text(column))


def _encoded(texts: pa.Array) -> pa.Array:
    """Each different text is encoded once: columns of places and products repeat few of them."""
    coded = texts.dictionary_encode()
    words = [json.dumps(word, ensure_ascii=False) for word in coded.dictionary.to_pylist()]
    return pa.array(words, pa.string()).take(coded.indices)
