"""The footer of a data file.

Invariant: a file that was cut off is told as such, never read as if it were whole.
"""

from __future__ import annotations

import os
from typing import Any

import pyarrow as pa

from afluente.core.errors import LakeError
from afluente.lake.failure import translated
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
