"""All the transactions of a table's log at once: what each app id committed last.

Invariant: the answer is what `Snapshot.transaction_version` says of each; a log that cannot be read whole from here
(other software's checkpoints, files cleaned away) is asked through delta-rs one by one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from afluente.lake.failure import translated
from afluente.lake.log import Log
from afluente.lake.snapshot import Snapshot
from afluente.lake.store import Store


def transaction_versions(store: Store, snapshot: Snapshot, app_ids: Iterable[str]) -> dict[str, int]:
    """The last version of each app id at this snapshot; 0 for one that never committed."""
    wanted = list(dict.fromkeys(app_ids))
    known = _all(store, snapshot) if len(wanted) > 1 else None
    if known is None:
        return {app_id: snapshot.transaction_version(app_id) for app_id in wanted}
    return {app_id: known.get(app_id, 0) for app_id in wanted}


def _all(store: Store, snapshot: Snapshot) -> dict[str, int] | None:
    with translated(f"reading the transactions of table {snapshot.table}"):
        checkpoint = _checkpoint(store, snapshot)
        if checkpoint is None:
            return None
        log = Log(store, snapshot.address)
        found: dict[str, int] = {}
        for version in range(snapshot.version, checkpoint, -1):
            entry = log.entry(version)
            if entry is None:
                return None
            found = dict(entry.transactions) | found
        return found if checkpoint < 0 else _in_checkpoint(store, snapshot, checkpoint) | found


def _checkpoint(store: Store, snapshot: Snapshot) -> int | None:
    """The newest checkpoint at or before the snapshot, -1 for none; None when it is not one file that we know."""
    content = store.read_bytes(f"{snapshot.address}/_delta_log/_last_checkpoint")
    if content is None:
        return -1
    try:
        hint = json.loads(content)
        version = int(hint["version"])
        is_plain = not hint.get("parts") and "v2Checkpoint" not in hint
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    is_there = is_plain and version <= snapshot.version and store.size(_path(snapshot, version)) is not None
    return version if is_there else None


def _in_checkpoint(store: Store, snapshot: Snapshot, version: int) -> dict[str, int]:
    import pyarrow.parquet as pq

    with store.open_read(_path(snapshot, version)) as source:
        column = pq.read_table(source, columns=["txn"]).column("txn").drop_null()
    return {txn["appId"]: int(txn["version"]) for txn in column.to_pylist() if txn["appId"] is not None}


def _path(snapshot: Snapshot, version: int) -> str:
    return f"{snapshot.address}/_delta_log/{version:020d}.checkpoint.parquet"
