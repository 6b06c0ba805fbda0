"""The single path by which a table's log is written: compare and swap on the version a plan was made from.

Invariants: a transaction (app id and version) is committed at most once; a plan made from an older version never
replaces or removes anything; only blind appends may move to a newer version.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from afluente.core.errors import AfluenteError, CommitConflict, LakeError
from afluente.lake.check import check
from afluente.lake.durable_log import sync_base, sync_log
from afluente.lake.failure import describe
from afluente.lake.handle import find, open_table
from afluente.lake.log import INPUT_KEY, MODE_KEY, RUN_KEY, Log
from afluente.lake.plan import Commit, Committed
from afluente.lake.schema import difference
from afluente.lake.snapshot import Snapshot, foreign_table
from afluente.lake.store import Store
from afluente.lake.transactions import transaction_versions

if TYPE_CHECKING:
    from deltalake import CommitProperties
    from deltalake.transaction import AddAction

_APPEND_RETRIES = 15


def commit(store: Store, plan: Commit) -> Committed:
    """Carry a plan out, or say that an earlier attempt did.

    Raises CommitConflict (retryable: plan again from the newest version) when another writer was first, and
    LakeError when the plan is wrong or the store fails. Nothing is half done: a commit is one file of the log.
    """
    newest = find(store, plan.table)
    if newest is not None:
        if newest.is_foreign:
            raise foreign_table(plan.table, newest.obstacle)
        if _stands(store, plan, newest):
            return _repeated(store, plan, newest)
    base, address = _base(plan, newest), store.location.table(plan.table)
    check(store, plan, base)
    try:
        store.sync(f"{address}/{file.path}" for file in plan.files)
        if base is not None:
            sync_base(store, address, version=base.version)
        _write_log(store, plan, base)
    except AfluenteError:
        raise
    except Exception as error:  # noqa: BLE001 - every library below has its own root; what happened is read from the log
        return _settle(store, plan, error)
    version = first = 0 if base is None else base.version + 1
    if plan.is_blind_append:
        version = _version(store, plan)
    sync_log(store, address, first=first, last=version)
    return _committed(plan, version, is_repeat=False)


def _base(plan: Commit, newest: Snapshot | None) -> Snapshot | None:
    """The version to commit upon: the plan's, which must be the newest; for a blind append, the newest."""
    if newest is None:
        if plan.base_version is not None:
            raise CommitConflict(
                f"table {plan.table} was at version {plan.base_version} and is gone", hint="run the step again"
            )
        return None
    if plan.base_version is None:
        raise CommitConflict(f"table {plan.table} was created by another writer", hint="run the step again")
    if plan.is_blind_append:
        if words := difference(newest.schema, plan.schema):
            raise CommitConflict(f"the schema of {plan.table} changed ({words})", hint="run the step again")
        return newest
    if newest.version != plan.base_version:
        raise CommitConflict(
            f"table {plan.table} moved from version {plan.base_version} to {newest.version}", hint="run the step again"
        )
    return newest


def _stands(store: Store, plan: Commit, newest: Snapshot) -> bool:
    """Whether the plan's transactions are committed; CommitConflict when they moved otherwise than the plan saw them."""
    stood = transaction_versions(store, newest, plan.transactions)
    if all(stood[app_id] >= version for app_id, version in plan.transactions.items()):
        return True
    if any(stood[app_id] != version for app_id, version in plan.seen.items()):
        raise CommitConflict(
            f"part of what was to be committed to table {plan.table} is there already", hint="run the step again"
        )
    return False


def _write_log(store: Store, plan: Commit, base: Snapshot | None) -> None:
    from deltalake import Schema
    from deltalake.transaction import RemoveAction, create_table_with_add_actions

    address = store.location.table(plan.table)
    now_milliseconds = time.time_ns() // 1_000_000
    is_data_change = plan.mode != "optimize"
    adds = _adds(plan, now_milliseconds, is_data_change=is_data_change)
    schema = Schema.from_arrow(plan.schema)
    if base is None:
        create_table_with_add_actions(
            address,
            schema,
            adds,
            mode="error",
            partition_by=list(plan.partition_by),
            storage_options=store.options or None,
            commit_properties=_properties(plan, retries=0),
        )
        return
    handle = open_table(store, plan.table, base.version)
    if handle is None:
        raise CommitConflict(f"table {plan.table} is gone", hint="run the step again")
    removes = [RemoveAction(path, is_data_change, now_milliseconds) for path in plan.removed]
    handle.create_write_transaction(
        [*adds, *removes],
        "overwrite" if plan.mode == "replace" else "append",
        schema,
        partition_by=list(plan.partition_by),
        commit_properties=_properties(plan, retries=_APPEND_RETRIES if plan.is_blind_append else 0),
    )


def _adds(plan: Commit, now_milliseconds: int, *, is_data_change: bool) -> list[AddAction]:
    from deltalake.transaction import AddAction

    return [
        AddAction(
            path=file.path,
            size=file.size_bytes,
            partition_values=dict(file.partition_values),
            modification_time=now_milliseconds,
            data_change=is_data_change,
            stats=file.stats,
        )
        for file in plan.files
    ]


def _properties(plan: Commit, *, retries: int) -> CommitProperties:
    from deltalake import CommitProperties, Transaction

    metadata: dict[str, Any] = {**plan.details, MODE_KEY: plan.mode}
    if plan.input_signature:
        metadata[INPUT_KEY] = plan.input_signature
    if plan.run_id:
        metadata[RUN_KEY] = plan.run_id
    return CommitProperties(
        custom_metadata=metadata,
        max_commit_retries=retries,
        app_transactions=[Transaction(app_id, version) for app_id, version in plan.transactions.items()],
    )


def _settle(store: Store, plan: Commit, error: Exception) -> Committed:
    """After a failed attempt: done if the log says so, else a conflict, else the failure itself."""
    newest = find(store, plan.table)
    if newest is not None and _stands(store, plan, newest):
        return _repeated(store, plan, newest)
    moved = newest is not None and newest.version != plan.base_version
    if moved or type(error).__name__ == "CommitFailedError":
        raise CommitConflict(
            f"another writer committed to table {plan.table} first", hint="run the step again"
        ) from error
    raise describe(error, f"committing to table {plan.table}") from error


def _repeated(store: Store, plan: Commit, newest: Snapshot) -> Committed:
    log = Log(store, store.location.table(plan.table))
    found = log.version_of(plan.app_id, plan.app_version, newest=newest.version)
    return _committed(plan, newest.version if found is None else found, is_repeat=True)


def _version(store: Store, plan: Commit) -> int:
    newest = find(store, plan.table)
    if newest is None:
        raise LakeError("lake.table_missing", f"table {plan.table} vanished after the commit", hint="")
    return _repeated(store, plan, newest).version


def _committed(plan: Commit, version: int, *, is_repeat: bool) -> Committed:
    return Committed(
        table=plan.table,
        version=version,
        is_repeat=is_repeat,
        rows=plan.rows,
        size_bytes=sum(file.size_bytes for file in plan.files),
        files=len(plan.files),
    )
