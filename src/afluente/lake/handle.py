"""Opening a table's log with delta-rs.

Invariant: a table that is not there reads as None from `find`, and as `lake.table_missing` from nothing else.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from afluente.core.errors import LakeError
from afluente.core.tables import TableName
from afluente.lake.checkpoint_repair import drop_torn_checkpoints
from afluente.lake.failure import translated
from afluente.lake.snapshot import Snapshot
from afluente.lake.store import Store

if TYPE_CHECKING:
    from deltalake import DeltaTable


def open_table(store: Store, table: TableName, version: int | datetime | None = None) -> DeltaTable | None:
    """A fresh handle at a version (a number, a moment, or the newest), or None when there is no such table.

    A checkpoint that a power cut tore is taken away where the log holds all of it.
    """
    try:
        try:
            return _opened(store, table, version)
        except LakeError as error:
            if error.code != "lake.log_corrupted" or not _is_mended(store, table):
                raise
        return _opened(store, table, version)
    except LakeError as error:
        if version is not None and error.code in {"lake.failed", "lake.log_corrupted"}:
            raise LakeError(
                "lake.version_missing",
                f"version {version} of table {table} cannot be opened: {error.message}",
                hint="its log or its checkpoint was cleaned away; ask for a newer version",
            ) from error
        raise


def _opened(store: Store, table: TableName, version: int | datetime | None) -> DeltaTable | None:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, DeltaProtocolError, TableNotFoundError

    address = store.location.table(table)
    with translated(f"opening table {table}"):
        try:
            if isinstance(version, datetime):
                handle = DeltaTable(address, storage_options=store.options)
                handle.load_as_version(version)
                return handle
            return DeltaTable(address, version=version, storage_options=store.options)
        except TableNotFoundError:
            return None
        except DeltaProtocolError as error:
            raise LakeError(
                "lake.table_unsupported",
                f"table {table} needs a newer reader ({error})",
                hint="it was written with features that delta-rs does not read",
            ) from error
        except DeltaError:
            if not isinstance(version, int):
                raise
            newest = DeltaTable(address, storage_options=store.options).version()
            if version <= newest:
                raise
            raise _missing_version(table, version, newest) from None


def _is_mended(store: Store, table: TableName) -> bool:
    try:
        return drop_torn_checkpoints(store, store.location.table(table))
    except OSError:
        return False


def find(store: Store, table: TableName, version: int | datetime | None = None) -> Snapshot | None:
    """The table at a version, or None when there is no such table."""
    if isinstance(version, int) and version < 0:
        raise LakeError("lake.version_missing", f"table {table} has no version {version}", hint="versions begin at 0")
    handle = open_table(store, table, version)
    if handle is None:
        return None
    snapshot = Snapshot(table, handle, store, store.location.table(table))
    if isinstance(version, datetime) and snapshot.committed_at > version:
        raise LakeError(
            "lake.version_missing",
            f"table {table} did not exist at {version.isoformat()}",
            hint=f"its first version is of {snapshot.committed_at.isoformat()}",
        )
    return snapshot


def _missing_version(table: TableName, version: int, newest: int) -> LakeError:
    return LakeError(
        "lake.version_missing",
        f"table {table} has no version {version}",
        hint=f"its newest version is {newest}",
    )
