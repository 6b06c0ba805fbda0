"""Parquet files described as data files: footers read, statistics made.

Invariant: nothing is said about a file that its footer does not say.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from afluente.core.errors import LakeError
from afluente.core.tables import DataFile
from afluente.lake.failure import translated
from afluente.lake.partition import folder_values
from afluente.lake.stats import statistics
from afluente.lake.store import Store


def read_footer(store: Store, address: str) -> Any:
    """The footer of one Parquet file (`pyarrow.parquet.FileMetaData`)."""
    import pyarrow.parquet as pq

    with translated(f"reading the footer of {os.path.basename(address)}"):
        try:
            with store.open_read(address) as source:
                return pq.read_metadata(source)
        except pa.ArrowInvalid as error:
            raise LakeError(
                "lake.file_unreadable",
                f"{os.path.basename(address)} is not a whole Parquet file ({error})",
                hint="the attempt that wrote it was cut off; run again",
            ) from error


def describe_file(
    store: Store, folder: str, path: str, *, partition_values: Mapping[str, str | None] | None = None
) -> DataFile:
    """A file below a table's folder as a DataFile; partition values come from its folders' names unless given."""
    address = f"{folder}/{path}"
    with translated(f"looking at {os.path.basename(path)}"):
        size = store.size(address)
    if size is None:
        raise LakeError("lake.file_missing", f"the data file {path!r} does not exist", hint="run the step again")
    footer = read_footer(store, address)
    return DataFile(
        path=path,
        size_bytes=size,
        rows=int(footer.num_rows),
        stats=statistics(footer, footer.schema.to_arrow_schema()),
        partition_values=folder_values(path) if partition_values is None else dict(partition_values),
    )


def describe_files(store: Store, folder: str, paths: Iterable[str]) -> list[DataFile]:
    """Files by relative path, by absolute path or by URL, as DataFiles in the order given."""
    found = []
    for path in paths:
        relative = path.removeprefix(folder + "/")
        if relative.startswith("/") or "://" in relative:
            raise LakeError(
                "lake.file_outside", f"the data file {path!r} lies outside {folder}", hint="write it below the table"
            )
        found.append(describe_file(store, folder, relative))
    return found
