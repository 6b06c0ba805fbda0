"""The report that goes with a release, made of what this partner was told and nothing else.

Invariant: it is drawn from released tables only: those of this release, and the files of earlier ones that still stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from afluente.products.release.folder import MANIFEST
from afluente.products.release.formats.formula import restored
from afluente.products.release.manifest import ManifestFile, read_manifest
from afluente.state import releases

if TYPE_CHECKING:
    import pyarrow as pa

    from afluente.project.product import Output, Product
    from afluente.runs.steps.workspace import Workspace
    from afluente.state.releases import Release

MOST_RELEASES = 100
"""Earlier releases of an output that are read: about two years of months, or three months of days."""
_READABLE = ("parquet", "jsonl", "csv")


def write_release_report(workspace: Workspace, product: Product, tables: Mapping[str, pa.Table], folder: Path) -> None:
    """Write `report.html` and the pictures into a release's folder; nothing when there is nothing to show."""
    from afluente.products.insights.compute import compute_insights
    from afluente.products.insights.report import write_report

    insights = compute_insights(product, tables, history=told_tables(workspace, product, tables))
    if insights is not None:
        write_report(insights, folder, workspace.project.language)


def told_tables(workspace: Workspace, product: Product, tables: Mapping[str, pa.Table]) -> dict[str, list[pa.Table]]:
    """The tables of earlier releases by output, oldest first; `tables` gives their columns.

    What was withdrawn, expired or replaced is left out, and so is what has other columns by now.
    """
    with workspace.state.read() as connection:
        told = releases.of_product(connection, product.name, statuses=("released",))
    replaced = {release.replaces for release in told}
    standing = [release for release in told if release.number not in replaced]
    found: dict[str, list[pa.Table]] = {}
    for output in product.outputs:
        if output.is_of_cells and output.name in tables:
            newest = [release for release in standing if output.name in release.period][:MOST_RELEASES]
            found[output.name] = _tables(workspace, output, newest[::-1], tables[output.name].schema)
    return found


def _tables(workspace: Workspace, output: Output, told: Sequence[Release], schema: pa.Schema) -> list[pa.Table]:
    found = []
    for release in told:
        folder = Path(workspace.project.root, release.folder)
        if not (folder / MANIFEST).is_file():
            continue
        manifest = read_manifest((folder / MANIFEST).read_bytes())
        files = {file.format: file for file in manifest.files if file.output == output.name}
        form = next((form for form in _READABLE if form in files), None)
        if form is not None and manifest.columns.get(output.name) == tuple(schema.names):
            found.append(_read(folder, files[form], schema))
    return found


def _read(folder: Path, file: ManifestFile, schema: pa.Schema) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.json
    import pyarrow.parquet

    path = folder / file.name
    if file.format == "parquet":
        return pa.parquet.read_table(path, partitioning=None).cast(schema)
    if file.format == "jsonl":
        options = pa.json.ParseOptions(explicit_schema=schema)
        return pa.json.read_json(path, parse_options=options).select(schema.names).cast(schema)
    types = {field.name: field.type for field in schema}
    convert = pa.csv.ConvertOptions(column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False)
    table = pa.csv.read_csv(path, convert_options=convert)
    for position, field in enumerate(schema):
        if pa.types.is_string(field.type):
            texts = [None if text is None else restored(text) for text in table.column(position).to_pylist()]
            table = table.set_column(position, field, pa.array(texts, field.type))
    return table.cast(schema)
