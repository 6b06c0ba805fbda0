"""A table's log on the disk, in its order.

Invariant: nothing is committed upon a version that a power cut could still take away; when a commit has returned, its
version, the checkpoint that came with it and every version before it outlive one. A process that is killed between
writing a version and forcing it to the disk leaves that to the next commit, whoever makes it.
"""

from __future__ import annotations

from collections.abc import Iterator

from afluente.lake.store import Store

LEFT_BEHIND = 3
"""Versions before the newest that may still have to be forced: of processes that were killed one after the other."""


def sync_log(store: Store, address: str, *, first: int, last: int) -> None:
    """Force the versions from `first` to `last`, and their checkpoints, to the disk; nothing on an object store."""
    if store.location.is_local:
        store.sync(path for path in _files(address, first, last) if store.size(path) is not None)


def sync_base(store: Store, address: str, *, version: int) -> None:
    """Force what the next commit will stand upon."""
    sync_log(store, address, first=max(version - LEFT_BEHIND, 0), last=version)


def _files(address: str, first: int, last: int) -> Iterator[str]:
    for version in range(first, last + 1):
        yield f"{address}/_delta_log/{version:020d}.json"
        yield f"{address}/_delta_log/{version:020d}.checkpoint.parquet"
    yield f"{address}/_delta_log/_last_checkpoint"
