"""Taking away checkpoints that a power cut tore, so that a table is read from its log again.

Invariant: a checkpoint is taken away only where the log alone, or after an older whole checkpoint, holds every version
that it held; the log itself is never touched.
"""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING

from afluente.lake.store import Store

if TYPE_CHECKING:
    from collections.abc import Collection

_log = logging.getLogger(__name__)
_VERSION = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\.parquet")
_HINT = "_last_checkpoint"


def drop_torn_checkpoints(store: Store, address: str) -> bool:
    """Whether something was taken away, so that opening the table is worth another try. Local folders only. OSError."""
    if not store.location.is_local:
        return False
    log = f"{address}/_delta_log"
    names = [file.path for file in store.files(log)]
    versions = {int(found[1]) for name in names if (found := _VERSION.fullmatch(name))}
    checkpoints = {int(found[1]): f"{log}/{name}" for name in names if (found := _CHECKPOINT.fullmatch(name))}
    torn = {version for version, path in checkpoints.items() if not _is_whole(store, path)}
    whole = checkpoints.keys() - torn
    if not versions or not _is_told(versions, since=max(whole, default=-1)):
        return False
    stale = [checkpoints[version] for version in torn]
    if _HINT in names and _hinted(store, f"{log}/{_HINT}") not in whole:
        stale.append(f"{log}/{_HINT}")
    for path in stale:
        store.delete(path)
    if stale:
        _log.warning("a checkpoint that a power cut tore was taken away", extra={"files": len(stale)})
    return bool(stale)


def _hinted(store: Store, path: str) -> int | None:
    """The version of the checkpoint that the hint names; None when it cannot be read."""
    try:
        return int(json.loads(store.read_bytes(path) or b"")["version"])
    except (ValueError, KeyError, TypeError):
        return None


def _is_told(versions: Collection[int], *, since: int) -> bool:
    """Whether the log tells every version after `since`."""
    return all(version in versions for version in range(since + 1, max(versions) + 1))


def _is_whole(store: Store, path: str) -> bool:
    """Whether every byte of a checkpoint can be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with store.open_read(path) as file:
            pq.read_table(file)
    except (pa.ArrowException, OSError):
        return False
    return True
