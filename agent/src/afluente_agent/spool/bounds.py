"""How much the spool may hold, and what gives way when it must.

Invariant: what gives way is superseded by a later full transmission of the same list, and nothing that waits is
based on it; when that is not enough the new transmission is refused.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from afluente_agent.protocol.messages import Kind
from afluente_agent.spool.trouble import DISK_FULL, FULL

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """`least_free_bytes` of the disk are left for PEC. A segment is written in records."""

    most_bytes: int = 4096 * MIB
    most_transmissions: int = 500
    least_free_bytes: int = 512 * MIB
    most_quarantined: int = 20
    most_quarantined_bytes: int = 256 * MIB
    segment_bytes: int = 4 * MIB
    record_bytes: int = 64 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """What the rule has to know of a waiting transmission; `sequence` is the order of their commits."""

    id: str
    list_name: str
    kind: Kind
    base: str
    sequence: int
    file_bytes: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is about to be written, beside what is being written already."""

    new_bytes: int
    open_bytes: int
    open_transmissions: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Room:
    """What has to go so that there is room; with a `refusal` (FULL or DISK_FULL) nothing has to."""

    gives_way: tuple[str, ...] = ()
    refusal: str = ""


def make_room(kept: Sequence[Kept], wanted: Wanted, limits: SpoolLimits) -> Room:
    """The oldest superseded first, one by one, and no more than needed."""
    left = sorted(kept, key=lambda one: one.sequence)
    gone: list[str] = []
    freed = 0
    while short := _shortage(left, wanted, freed, limits):
        victim = next((one for one in left if _may_go(one, left)), None)
        if victim is None:
            return Room(refusal=short)
        left.remove(victim)
        gone.append(victim.id)
        freed += victim.file_bytes
    return Room(tuple(gone))


def free_on_disk(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _shortage(left: Sequence[Kept], wanted: Wanted, freed: int, limits: SpoolLimits) -> str:
    if wanted.free_bytes + freed - wanted.new_bytes < limits.least_free_bytes:
        return DISK_FULL
    held = sum(one.file_bytes for one in left) + wanted.open_bytes + wanted.new_bytes
    if held > limits.most_bytes or len(left) + wanted.open_transmissions > limits.most_transmissions:
        return FULL
    return ""


def _may_go(one: Kept, left: Sequence[Kept]) -> bool:
    is_superseded = any(
        later.kind == "full" and later.list_name == one.list_name and later.sequence > one.sequence for later in left
    )
    return is_superseded and not any(other.base == one.id for other in left)
