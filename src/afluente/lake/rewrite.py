"""Taking rows out of existing files: which files hold them, and those files written again without them.

Invariant: the rows that stay keep their exact values and types; they go from Parquet to Parquet by pyarrow and
only positions pass through DuckDB, which spills to disk.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from afluente.core.errors import LakeError
from afluente.core.tables import DataFile, TableName
from afluente.lake.batches import BatchWriter, without_rows
from afluente.lake.failure import translated
from afluente.lake.schema import conformed
from afluente.lake.snapshot import LiveFile, Snapshot
from afluente.lake.store import Store

if TYPE_CHECKING:
    import duckdb

_BATCH_ROWS = 65_536
_MEMORY_LIMIT = "1GB"
_MANY_VALUES = 1_000


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Files that go, and the files that hold what of them stays."""

    files: tuple[DataFile, ...]
    removed: tuple[str, ...]


def without_keys(store: Store, snapshot: Snapshot, files: Sequence[DataFile], keys: Sequence[str]) -> Rewrite:
    """Take out the rows whose keys stand in new files. Null equals null. Repeated new keys are refused."""
    _check_columns(snapshot.table, snapshot.schema, keys)
    if not files:
        return Rewrite((), ())
    with translated(f"finding the rows of {snapshot.table} to replace"), _connection(store) as connection:
        _want_keys(connection, snapshot.table, snapshot.address, snapshot.schema, files, keys)
        return _take_out(store, snapshot, connection, keys)


def check_keys(
    store: Store, table: TableName, schema: pa.Schema, files: Sequence[DataFile], keys: Sequence[str]
) -> None:
    """Refuse (`lake.keys_repeated`) new files that hold a key twice; for the first upsert, which replaces nothing."""
    _check_columns(table, schema, keys)
    if files:
        with translated(f"looking at the keys of {table}"), _connection(store) as connection:
            _want_keys(connection, table, store.location.table(table), schema, files, keys)


def without_values(store: Store, snapshot: Snapshot, column: str, values: Sequence[object]) -> Rewrite:
    """Take out the rows whose column holds one of these values (None takes out nulls)."""
    _check_columns(snapshot.table, snapshot.schema, [column])
    if not values:
        return Rewrite((), ())
    given = pa.table({column: pa.array(values, snapshot.schema.field(column).type)})
    with translated(f"finding the rows of {snapshot.table} to replace"), _connection(store) as connection:
        connection.register("given", given)
        connection.execute(f"CREATE TABLE wanted AS SELECT DISTINCT {_quoted(column)} FROM given")
        return _take_out(store, snapshot, connection, [column])


class _connection:  # noqa: N801 - reads as a function at its two uses
    """A DuckDB session of our own: little memory, a folder to spill into, no extension."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __enter__(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        self._folder = tempfile.TemporaryDirectory(prefix="lake-", dir=self._store.temp_folder())
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": _MEMORY_LIMIT,
                "temp_directory": self._folder.name,
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "preserve_insertion_order": "false",
            },
        )
        if not self._store.location.is_local:
            self._connection.register_filesystem(self._store.fsspec)
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._folder.cleanup()


def _want_keys(
    connection: duckdb.DuckDBPyConnection,
    table: TableName,
    address: str,
    schema: pa.Schema,
    files: Sequence[DataFile],
    keys: Sequence[str],
) -> None:
    source = " UNION ALL ".join(
        _select(schema, [f"{address}/{file.path}" for file in group], values, keys)
        for values, group in _by_partition(files, keys)
    )
    chosen = ", ".join(_quoted(key) for key in keys)
    connection.execute(f"CREATE TABLE wanted AS SELECT DISTINCT {chosen} FROM ({source})")
    row = connection.execute("SELECT count(*) FROM wanted").fetchone()
    distinct = int(row[0]) if row else 0
    rows = sum(file.rows for file in files)
    if distinct != rows:
        raise LakeError(
            "lake.keys_repeated",
            f"the new rows of {table} repeat {rows - distinct} keys ({', '.join(keys)})",
            hint="deduplicate them before the upsert",
        )


def _take_out(store: Store, snapshot: Snapshot, connection: duckdb.DuckDBPyConnection, keys: Sequence[str]) -> Rewrite:
    candidates = _candidates(snapshot, connection, keys)
    names = {f"{snapshot.address}/{file.path}": file for file in candidates}
    match = " AND ".join(f"t.{_quoted(key)} IS NOT DISTINCT FROM w.{_quoted(key)}" for key in keys)
    connection.execute("CREATE TABLE hits (file VARCHAR, position BIGINT)")
    for values, group in _by_partition(candidates, keys):
        paths = [f"{snapshot.address}/{file.path}" for file in group]
        select = _select(snapshot.schema, paths, values, keys, with_position=True)
        connection.execute(
            f"INSERT INTO hits SELECT t.file, t.position FROM ({select}) t SEMI JOIN wanted w ON {match}"
        )
    counts = connection.execute("SELECT file, count(*) FROM hits GROUP BY file").fetchall()
    touched = sorted((names[address] for address, _ in counts), key=lambda file: _partition_order(file, snapshot))
    held = {address: int(count) for address, count in counts}
    writer = BatchWriter(store, snapshot.address, snapshot.schema, snapshot.partition_by)
    try:
        for file in touched:
            address = f"{snapshot.address}/{file.path}"
            if held[address] == file.rows:
                continue
            positions = _positions(connection, address)
            for batch in _kept(store, address, snapshot.file_schema, positions):
                writer.write(batch, file.partition_values)
        written = writer.close()
    except BaseException:
        writer.abandon()
        raise
    return Rewrite(tuple(written), tuple(file.path for file in touched))


def _candidates(snapshot: Snapshot, connection: duckdb.DuckDBPyConnection, keys: Sequence[str]) -> list[LiveFile]:
    """Live files whose statistics and partition do not rule the wanted keys out."""
    bounds: dict[str, tuple[object, object]] = {}
    listed: dict[str, list[object]] = {}
    for key in keys:
        name = _quoted(key)
        row = connection.execute(
            f"SELECT min({name}), max({name}), count(*) - count({name}), count(*) FROM wanted"
        ).fetchone()
        if row is None or row[2] or row[0] is None:
            continue
        bounds[key] = (row[0], row[1])
        if row[3] <= _MANY_VALUES:
            listed[key] = [value for (value,) in connection.execute(f"SELECT DISTINCT {name} FROM wanted").fetchall()]
    return [file for file in snapshot.live if all(_may_hold(file, key, bounds[key], listed.get(key)) for key in bounds)]


def _may_hold(file: LiveFile, key: str, bounds: tuple[Any, Any], listed: Sequence[Any] | None) -> bool:
    if key not in file.minimum:
        return True
    least: Any = file.minimum[key]
    greatest: Any = file.maximum[key]
    if isinstance(greatest, datetime):
        greatest += timedelta(milliseconds=1)
    try:
        if listed is not None:
            return any(least <= value <= greatest for value in listed)
        return bool(least <= bounds[1] and bounds[0] <= greatest)
    except TypeError:
        return True


def _by_partition(files: Iterable[Any], keys: Sequence[str]) -> list[tuple[Mapping[str, str | None], list[Any]]]:
    """Files grouped by the values of those partition columns that are keys."""

    def order(file: Any) -> list[tuple[str, bool, str]]:
        chosen = {name: value for name, value in file.partition_values.items() if name in keys}
        return [(name, chosen[name] is None, chosen[name] or "") for name in sorted(chosen)]

    groups: list[tuple[Mapping[str, str | None], list[Any]]] = []
    for _, group in groupby(sorted(files, key=order), key=order):
        members = list(group)
        values = {name: value for name, value in members[0].partition_values.items() if name in keys}
        groups.append((values, members))
    return groups


def _select(
    schema: pa.Schema,
    paths: Sequence[str],
    values: Mapping[str, str | None],
    keys: Sequence[str],
    *,
    with_position: bool = False,
) -> str:
    columns = []
    for key in keys:
        if key in values:
            text = values[key]
            literal = "NULL" if text is None else _literal(text)
            columns.append(f"CAST({literal} AS {_duck_type(schema.field(key).type)}) AS {_quoted(key)}")
        else:
            columns.append(_quoted(key))
    if with_position:
        columns += ["filename AS file", "file_row_number AS position"]
    listed = ", ".join(_literal(path) for path in paths)
    return (
        f"SELECT {', '.join(columns)} FROM read_parquet([{listed}], filename = true, file_row_number = true, "
        "hive_partitioning = false, union_by_name = true)"
    )


def _duck_type(kind: pa.DataType) -> str:
    if pa.types.is_string(kind):
        return "VARCHAR"
    if pa.types.is_boolean(kind):
        return "BOOLEAN"
    return "DATE" if pa.types.is_date32(kind) else "BIGINT"


def _positions(connection: duckdb.DuckDBPyConnection, address: str) -> Any:
    found = connection.execute("SELECT position FROM hits WHERE file = ? ORDER BY position", [address]).fetchnumpy()
    return found["position"]


def _kept(store: Store, address: str, schema: pa.Schema, positions: Any) -> Iterator[pa.RecordBatch]:
    """The rows of a file but those at these positions (sorted), with exactly `schema`."""
    import numpy as np

    start = 0
    for batch in read_file(store, address, schema):
        low, high = np.searchsorted(positions, [start, start + batch.num_rows])
        yield without_rows(batch, positions[low:high] - start) if high > low else batch
        start += batch.num_rows


def read_file(store: Store, address: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of one data file in order, with exactly `schema`; columns it lacks are null."""
    import pyarrow.parquet as pq

    with store.open_read(address) as source:
        file = pq.ParquetFile(source, coerce_int96_timestamp_unit="us")
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
            yield conformed(batch, schema)


def _partition_order(file: LiveFile, snapshot: Snapshot) -> list[tuple[bool, str]]:
    values = [file.partition_values[name] for name in snapshot.partition_by]
    return [*((value is None, value or "") for value in values), (False, file.path)]


def _check_columns(table: TableName, schema: pa.Schema, columns: Sequence[str]) -> None:
    for column in columns:
        if column not in schema.names:
            raise LakeError("lake.column_unknown", f"table {table} has no column {column!r}", hint="")
    if not columns:
        raise LakeError("lake.keys_missing", f"an upsert into {table} needs keys", hint="name its primary key")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
