"""The rows of an output as JSON texts, read from the file of the release that holds them.

Invariant: an output's rows are the same texts whether they were released as JSON lines or as Parquet.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from afluente.products.deliveries.api.config import ROW_FORMATS
from afluente.products.deliveries.delivery import DeliveryError, Package, PackageFile
from afluente.project.product import DeliverySettings


def files_of_rows(package: Package, settings: DeliverySettings) -> tuple[PackageFile, ...]:
    """One file for each output of the delivery, in the package's order; JSON lines before Parquet.

    DeliveryError `delivery.api_formats` when an output has neither.
    """
    by_output: dict[str, list[PackageFile]] = {}
    for file in package.files:
        if file.output and (not settings.outputs or file.output in settings.outputs):
            by_output.setdefault(file.output, []).append(file)
    chosen = []
    for output, files in by_output.items():
        allowed = [file for file in files if not settings.formats or file.format in settings.formats]
        found = [file for kind in ROW_FORMATS for file in allowed if file.format == kind]
        if not found:
            raise DeliveryError(
                "delivery.api_formats",
                f"delivery {settings.name}: output '{output}' of {package.prefix} has no jsonl and no parquet file",
                hint=f"add jsonl to the formats of '{output}'",
            )
        chosen.append(found[0])
    return tuple(chosen)


def as_json_lines(file: PackageFile, folder: Path) -> Path:
    """The file itself when it is of JSON lines; else the same rows written as such in `folder`, a temporary one."""
    if file.format == "jsonl":
        return file.path
    import pyarrow.parquet as pq

    from afluente.products.release.formats.jsonl import write_jsonl

    path = folder / f"{file.output}.jsonl"
    write_jsonl(path, pq.read_table(file.path))
    return path


def read_rows(path: Path) -> Iterator[bytes]:
    """Each row as the UTF-8 text of a JSON object, in the file's order."""
    with path.open("rb") as stream:
        for line in stream:
            row = line.strip()
            if row:
                yield row
