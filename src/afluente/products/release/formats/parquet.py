"""Parquet with every setting of the writer pinned. The bytes depend on the rows and on pyarrow's version, which the
file names in its footer; there is no time and no path in it.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from afluente.products.release.formats.cells import BATCH_ROWS, batches_of


def write_parquet(path: Path, table: pa.Table) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(
        path,
        table.schema.remove_metadata(),
        version="2.6",
        data_page_version="1.0",
        compression="zstd",
        compression_level=3,
        use_dictionary=True,
        write_statistics=True,
        store_schema=False,
    ) as writer:
        for batch in batches_of(table):
            writer.write_batch(batch.replace_schema_metadata(None), row_group_size=BATCH_ROWS)
