"""One table written in one format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from afluente.project.product import Format

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES: dict[Format, str] = {"csv": "csv", "jsonl": "jsonl", "parquet": "parquet", "xlsx": "xlsx"}


def write_format(path: Path, table: pa.Table, form: Format) -> None:
    """Write the whole file; the same rows in the same order give the same bytes."""
    match form:
        case "csv":
            from afluente.products.release.formats.csv import write_csv

            write_csv(path, table)
        case "jsonl":
            from afluente.products.release.formats.jsonl import write_jsonl

            write_jsonl(path, table)
        case "parquet":
            from afluente.products.release.formats.parquet import write_parquet

            write_parquet(path, table)
        case "xlsx":
            from afluente.products.release.formats.xlsx import write_xlsx

            write_xlsx(path, table)
        case _:
            assert_never(form)
