"""DuckDB behind the seam of engines.

Invariant: each call works on its own cursor of one database in memory, so threads and open streams do not disturb
each other; a name is a view, a table or nothing, and registering it again replaces it.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from afluente.core.errors import EngineError
from afluente.core.tables import DataFile
from afluente.engines.arrow import plain_batch, plain_schema, plain_table
from afluente.engines.duckdb.errors import translated
from afluente.engines.duckdb.register import NAIVE_QUERY, aware_columns, empty_view, file_view
from afluente.engines.duckdb.types import name_type, quote, text_list
from afluente.engines.duckdb.write import write_files
from afluente.engines.engine import Capabilities
from afluente.engines.partitions import check_partitions


class DuckDBEngine:
    """An Engine over one DuckDB connection, which it owns and closes."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._kinds: dict[str, str] = {}
        self._lock = threading.Lock()
        self._aware_files: set[str] = set()

    def describe(self) -> Capabilities:
        row = self._rows("SELECT current_setting('memory_limit'), current_setting('threads')")[0]
        return Capabilities("duckdb", duckdb.__version__, "duckdb", str(row[0]), int(str(row[1])))

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
        sql = empty_view(schema, file_column)
        if files:
            paths = [file.removeprefix("file://") for file in files]
            values = list(partitions) or [{}] * len(paths)
            selects = []
            for naive, members in self._alike(view, paths, aware_columns(schema, partition_by)).items():
                selects.append(
                    file_view(
                        [paths[index] for index in members],
                        schema,
                        partition_by=partition_by,
                        partitions=[values[index] for index in members],
                        file_column=file_column,
                        naive=naive,
                    )
                )
            sql = "\nUNION ALL\n".join(selects)
        self._define(view, "VIEW", f"CREATE VIEW {quote(view)} AS {sql}")

    def register_arrow(self, view: str, table: pa.Table) -> None:
        plain = plain_table(table)
        columns = ", ".join(
            f"CAST({quote(field.name)} AS {name_type(field.type, field.name)}) AS {quote(field.name)}"
            for field in plain.schema
        )
        with self._lock, translated(f"registering {view}"), self._cursor() as cursor:
            self._drop(cursor, view)
            cursor.register("__incoming", plain)
            cursor.execute(f"CREATE TABLE {quote(view)} AS SELECT {columns} FROM __incoming")
            cursor.unregister("__incoming")
            self._kinds[view] = "TABLE"

    def materialise(self, name: str, sql: str) -> int:
        rows = self._define(name, "TABLE", f"CREATE TABLE {quote(name)} AS (\n{sql}\n)")
        return int(str(rows[0][0]))

    def drop(self, name: str) -> None:
        with self._lock, translated(f"dropping {name}"), self._cursor() as cursor:
            self._drop(cursor, name)

    def query(self, sql: str) -> pa.Table:
        with translated("running a query"), self._cursor() as cursor:
            return plain_table(_select(cursor, sql).to_arrow_table())

    def stream(self, sql: str, *, batch_rows: int = 65_536) -> pa.RecordBatchReader:
        cursor = self._connection.cursor()
        with translated("running a query"):
            reader = _select(cursor, sql).to_arrow_reader(batch_rows)
        target = plain_schema(reader.schema)

        def batches() -> Iterator[pa.RecordBatch]:
            with translated("reading a query's answer"):
                try:
                    for batch in reader:
                        yield plain_batch(batch, target)
                except pa.ArrowException as error:
                    raise EngineError(
                        "engine.sql_failed", f"reading a query's answer failed ({type(error).__name__})"
                    ) from None
                finally:
                    cursor.close()

        return pa.RecordBatchReader.from_batches(target, batches())

    def write_parquet(
        self, sql: str, folder: str, *, schema: pa.Schema, partition_by: Sequence[str] = ()
    ) -> list[DataFile]:
        with self._cursor() as cursor:
            written = write_files(cursor, sql, folder, schema=schema, partition_by=partition_by)
        root = folder.removeprefix("file://").rstrip("/")
        self._aware_files.update(f"{root}/{file.path}" for file in written)
        return written

    def close(self) -> None:
        self._connection.close()

    def _alike(self, view: str, paths: Sequence[str], instants: Sequence[str]) -> dict[frozenset[str], list[int]]:
        """Positions of files by the instant columns they keep without a zone (Spark's INT96): none, as a rule."""
        naive: dict[str, set[str]] = defaultdict(set)
        unknown = [path for path in paths if path not in self._aware_files]
        if instants and unknown:
            with translated(f"reading the files of {view}"):
                for path, column in self._rows(NAIVE_QUERY.format(files=text_list(unknown))):
                    if column in instants:
                        naive[str(path)].add(str(column))
            self._aware_files.update(path for path in unknown if path not in naive)
        groups: dict[frozenset[str], list[int]] = defaultdict(list)
        for index, path in enumerate(paths):
            groups[frozenset(naive.get(path, ()))].append(index)
        return groups

    def _define(self, name: str, kind: str, sql: str) -> list[tuple[object, ...]]:
        with self._lock, translated(f"registering {name}"), self._cursor() as cursor:
            self._drop(cursor, name)
            rows: list[tuple[object, ...]] = cursor.execute(sql).fetchall()
            self._kinds[name] = kind
            return rows

    def _drop(self, cursor: duckdb.DuckDBPyConnection, name: str) -> None:
        kind = self._kinds.pop(name, None)
        if kind is not None:
            cursor.execute(f"DROP {kind} IF EXISTS {quote(name)}")

    def _rows(self, sql: str) -> list[tuple[object, ...]]:
        with self._cursor() as cursor:
            rows: list[tuple[object, ...]] = cursor.execute(sql).fetchall()
            return rows

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()


def _select(cursor: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyRelation:
    statements = cursor.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise EngineError(
            "engine.sql_refused", "a query is one SELECT statement", hint="change tables through `afluente run` only"
        )
    return cursor.sql(sql)
