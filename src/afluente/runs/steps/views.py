"""Tables of the lake made readable for an engine: as they are, and as a commit would leave them."""

from __future__ import annotations

from afluente.engines.engine import Engine
from afluente.lake.plan import Commit
from afluente.lake.snapshot import Snapshot


def register_snapshot(engine: Engine, view: str, snapshot: Snapshot) -> None:
    """A pinned version as `view`."""
    engine.register(
        view,
        snapshot.files,
        snapshot.schema,
        partition_by=snapshot.partition_by,
        partitions=[file.partition_values for file in snapshot.live],
    )


def register_result(engine: Engine, view: str, plan: Commit, snapshot: Snapshot | None, *, address: str) -> None:
    """The table at `address` as the plan would leave it, as `view`: what is kept of the snapshot, and the new files."""
    is_whole = snapshot is None or plan.mode in ("replace", "create")
    live = () if snapshot is None or is_whole else snapshot.live
    files = [(file.path, file.partition_values) for file in live if file.path not in plan.removed]
    files += [(file.path, file.partition_values) for file in plan.files]
    engine.register(
        view,
        [f"{address}/{path}" for path, _ in files],
        plan.schema,
        partition_by=plan.partition_by,
        partitions=[values for _, values in files],
    )
