"""Spark Connect behind the seam of engines.

Invariant: a materialised table is computed once, into Parquet files of the stage folder that server and client both
see, and these files go when it is dropped or the engine is closed.
"""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql.connect.dataframe import DataFrame as ConnectDataFrame

from afluente.core.errors import EngineError
from afluente.core.tables import DataFile
from afluente.engines.arrow import plain_batch, plain_schema, plain_table
from afluente.engines.engine import Capabilities
from afluente.engines.partitions import check_partitions
from afluente.engines.spark.errors import translated
from afluente.engines.spark.register import empty_frame, file_frame
from afluente.engines.spark.types import columns_text, quote
from afluente.engines.spark.write import write_files

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.connect.session import SparkSession

    from afluente.engines.storage import Storage

_QUERY = re.compile(r"\s*\(*\s*(select|with|values)\b", re.IGNORECASE)
_COMMENT = re.compile(r"^(\s*(--[^\n]*(\n|$)|/\*.*?\*/))+", re.DOTALL)


class SparkEngine:
    """An Engine over one Spark Connect session, which it owns and closes."""

    def __init__(self, session: SparkSession, *, stage: str, storage: Storage) -> None:
        self._session = session
        self._stage = stage.removeprefix("file://").rstrip("/")
        self._storage = storage
        self._views: set[str] = set()
        self._staged: dict[str, str] = {}

    def describe(self) -> Capabilities:
        with translated("asking Spark for its version"):
            reported = str(self._session.sql("SELECT version() AS v").toArrow()["v"][0].as_py()).split()[0]
            spark = str(self._session.version)
        engine, version = ("apache-spark", spark) if reported.startswith(spark) else ("sail", reported)
        return Capabilities(engine, version, "spark", "", 0)

    def register(
        self,
        view: str,
        files: Sequence[str],
        schema: pa.Schema,
        *,
        partition_by: Sequence[str] = (),
        partitions: Sequence[Mapping[str, str | None]] = (),
        file_column: str = "",
    ) -> None:
        if partition_by:
            check_partitions(view, files, schema, partition_by, partitions)
        self.drop(view)
        paths = [file.removeprefix("file://") for file in files]
        if not paths:
            self._create(view, empty_frame(self._session, schema, file_column))
            return
        self._refuse_missing(view, paths)
        for is_file_apart in (False, True):
            frame = file_frame(
                self._session,
                paths,
                schema,
                partition_by=partition_by,
                partitions=list(partitions) or [{}] * len(paths),
                file_column=file_column,
                is_file_apart=is_file_apart,
            )
            try:
                self._create(view, frame)
            except PySparkException as error:
                if is_file_apart or "Fail to merge schema" not in str(error):
                    with translated(f"registering {view}"):
                        raise
            else:
                return

    def register_arrow(self, view: str, table: pa.Table) -> None:
        plain = plain_table(table)
        self.drop(view)
        with translated(f"registering {view}"):
            if plain.num_rows:
                frame = self._session.createDataFrame(plain)
            else:
                columns_text(plain.schema)
                frame = empty_frame(self._session, plain.schema, "")
            self._create(view, frame)

    def materialise(self, name: str, sql: str) -> int:
        self.drop(name)
        folder = f"{self._stage}/{name}-{uuid.uuid4().hex}"
        with translated(f"computing {name}"):
            if "://" not in self._stage:
                Path(self._stage).mkdir(parents=True, exist_ok=True)
            frame = self._session.sql(_checked(sql))
            schema = frame.schema
            self._staged[name] = folder
            frame.write.option("compression", "zstd").parquet(folder)
            files = self._storage.parquet_files(folder)
            made = self._session.read.schema(schema).parquet(folder) if files else frame.limit(0)
            self._create(name, made)
        return sum(self._storage.metadata(file)[1].num_rows for file in files)

    def drop(self, name: str) -> None:
        if name in self._views:
            with translated(f"dropping {name}"):
                self._session.sql(f"DROP VIEW IF EXISTS {quote(name)}").toArrow()
            self._views.discard(name)
        folder = self._staged.pop(name, None)
        if folder is not None:
            self._storage.remove_folder(folder)

    def query(self, sql: str) -> pa.Table:
        with translated("running a query"):
            return plain_table(self._session.sql(_checked(sql)).toArrow())

    def stream(self, sql: str, *, batch_rows: int = 65_536) -> pa.RecordBatchReader:
        with translated("running a query"):
            frame = self._session.sql(_checked(sql))
            assert isinstance(frame, ConnectDataFrame)
            client = self._session.client
            tables = client.to_table_as_iterator(frame._plan.to_proto(client), {})  # noqa: SLF001 - no public way streams
            parts = (part for part in tables if isinstance(part, pa.Table))
            first = next(parts, None)
        if first is None:
            target = plain_schema(self.query(f"SELECT * FROM (\n{sql}\n) LIMIT 0").schema)
            return pa.RecordBatchReader.from_batches(target, iter(()))
        target = plain_schema(first.schema)

        def batches() -> Iterator[pa.RecordBatch]:
            with translated("reading a query's answer"):
                part: pa.Table | None = first
                while part is not None:
                    for batch in part.to_batches(max_chunksize=batch_rows):
                        yield plain_batch(batch, target)
                    part = next(parts, None)

        return pa.RecordBatchReader.from_batches(target, batches())

    def write_parquet(
        self, sql: str, folder: str, *, schema: pa.Schema, partition_by: Sequence[str] = ()
    ) -> list[DataFile]:
        return write_files(self._session, self._storage, sql, folder, schema=schema, partition_by=partition_by)

    def close(self) -> None:
        for folder in self._staged.values():
            self._storage.remove_folder(folder)
        self._staged.clear()
        with contextlib.suppress(PySparkException):
            self._session.stop()

    def _create(self, name: str, frame: DataFrame) -> None:
        frame.createOrReplaceTempView(name)
        self._views.add(name)

    def _refuse_missing(self, view: str, paths: Sequence[str]) -> None:
        """Sail reads a file that does not exist as an empty one."""
        missing = self._storage.missing(paths)
        if missing:
            raise EngineError(
                "engine.file_missing",
                f"registering {view}: {len(missing)} of its {len(paths)} files are not there",
                hint="they may have been removed by vacuum while it was being read; run again",
            )


def _checked(sql: str) -> str:
    if not _QUERY.match(_COMMENT.sub("", sql)):
        raise EngineError(
            "engine.sql_refused", "a query is one SELECT statement", hint="change tables through `afluente run` only"
        )
    return sql
