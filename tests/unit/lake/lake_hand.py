"""A hand that writes rows into a lake the way a step does, and reads them the way an engine does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from afluente.core.tables import DataFile, TableName
from afluente.lake import Commit, Committed, Lake, Mode, Snapshot
from afluente.lake.stats import statistics

SCHEMA = pa.schema([pa.field("id", pa.int64(), nullable=False), ("uf", pa.string()), ("valor", pa.decimal128(10, 2))])
TABLE = TableName("silver", "vendas")

Row = Mapping[str, object]


@dataclass
class Hand:
    """Writes rows as one step (`app_id`) of a table."""

    lake: Lake
    table: TableName = TABLE
    schema: pa.Schema = SCHEMA
    partition_by: Sequence[str] = ()
    app_id: str = "afluente:teste:passo"

    def plan(self, snapshot: Snapshot | None, mode: Mode, rows: Sequence[Row], **options: object) -> Commit:
        batch = pa.RecordBatch.from_pylist(list(rows), self.schema)
        files = self.lake.write_batches(self.table, self.schema, [batch], self.partition_by)
        version = 1 if snapshot is None else snapshot.transaction_version(self.app_id) + 1
        arguments = {"app_version": version, **options}
        return self.lake.plan(
            self.table,
            snapshot,
            mode,
            files,
            schema=self.schema,
            app_id=self.app_id,
            partition_by=self.partition_by,
            **arguments,
        )

    def write(self, mode: Mode, rows: Sequence[Row], **options: object) -> Committed:
        return self.lake.commit(self.plan(self.lake.find(self.table), mode, rows, **options))

    def rows(self, version: int | None = None) -> list[Row]:
        """Rows read as an engine reads them, from the files, sorted."""
        import duckdb

        snapshot = self.lake.snapshot(self.table, version)
        if not snapshot.files:
            return []
        connection = duckdb.connect()
        if (filesystem := self.lake.filesystem()) is not None:
            connection.register_filesystem(filesystem)
        relation = connection.sql(
            "SELECT * FROM read_parquet($1, hive_partitioning = true, hive_types_autocast = false, union_by_name = true)",
            params=[list(snapshot.files)],
        )
        found = relation.to_arrow_table().select(snapshot.schema.names).cast(snapshot.schema).to_pylist()
        scanned = snapshot.arrow().read_all().to_pylist()
        assert ordered(found) == ordered(scanned)
        return ordered(found)


def file_of_another_program(
    lake: Lake, path: str, partition_values: Mapping[str, str | None] | None = None
) -> DataFile:
    """A Parquet file that stands below the folder of TABLE, as its writer would tell of it."""
    written = Path(lake.address(TABLE)) / path
    footer = pq.read_metadata(written)
    stats = statistics(footer, footer.schema.to_arrow_schema())
    return DataFile(path, written.stat().st_size, footer.num_rows, stats, partition_values or {})


def ordered(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: tuple((value is not None, str(value)) for value in row.values()))
