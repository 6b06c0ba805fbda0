"""The tables that earlier releases told, read back from their files.

Invariant: only files of releases that stand are read; a release whose files are gone, or whose outputs have no form
that can be read back exactly (a workbook alone), says nothing.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from afluente.products.release.folder import MANIFEST
from afluente.products.release.formats.formula import restored
from afluente.products.release.manifest import ManifestFile, read_manifest
from afluente.state import releases

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.project.product import Product
    from afluente.runs.steps.workspace import Workspace

_READABLE = ("parquet", "jsonl", "csv")


def told_before(workspace: Workspace, product: Product, *, number: int = 0) -> dict[str, list[pa.Table]]:
    """The tables by output of this product's releases before a number (0: all of them), oldest first."""
    with workspace.state.read() as connection:
        known = releases.of_product(connection, product.name, statuses=("released",))
    found: dict[str, list[pa.Table]] = {}
    for release in sorted(known, key=lambda one: one.number):
        if number and release.number >= number:
            continue
        for output, table in read_tables(workspace.project.root / release.folder).items():
            found.setdefault(output, []).append(table)
    return found


def read_tables(folder: Path) -> dict[str, pa.Table]:
    """The table of each output of one release; empty when its folder is gone."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return {}
    chosen: dict[str, ManifestFile] = {}
    for file in read_manifest(manifest.read_bytes()).files:
        if not file.output or file.format not in _READABLE or not (folder / file.name).is_file():
            continue
        before = chosen.get(file.output)
        if before is None or _READABLE.index(file.format) < _READABLE.index(str(before.format)):
            chosen[file.output] = file
    return {output: _read(folder / file.name, str(file.format)) for output, file in chosen.items()}


def _read(path: Path, form: str) -> pa.Table:
    import pyarrow as pa

    match form:
        case "parquet":
            import pyarrow.parquet as pq

            return pq.read_table(path)
        case "jsonl":
            lines = path.read_text(encoding="utf-8").splitlines()
            return pa.Table.from_pylist([json.loads(line, parse_float=Decimal) for line in lines if line])
        case _:
            return _read_csv(path)


def _read_csv(path: Path) -> pa.Table:
    """Every column as text; an empty cell without quotes is null, and apostrophes before formulas are taken away."""
    import pyarrow as pa
    from pyarrow import csv

    names = csv.open_csv(path).schema.names
    options = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
    )
    read = csv.read_csv(path, convert_options=options, parse_options=csv.ParseOptions(newlines_in_values=True))
    columns = [
        pa.array([None if text is None else restored(text) for text in column.to_pylist()], pa.string())
        for column in read.columns
    ]
    return pa.table(columns, names=[restored(name) for name in names])
