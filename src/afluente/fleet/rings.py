"""The rings of a project: their names, in the order in which an update reaches them, and who is in which.

Invariant: where a project names its rings, no site is put into another one; a site of which nothing is said is in the last.
"""

from __future__ import annotations

from collections.abc import Sequence

from afluente.core.nearest import did_you_mean
from afluente.fleet.refusal import Refusal
from afluente.fleet.sites import DEFAULT_RING


def ring_of(name: str, rings: Sequence[str]) -> str:
    """The ring that a site is put into. `rings` may be none, where no project says them. Refusal `unknown_ring`."""
    if not name:
        return rings[-1] if rings else DEFAULT_RING
    if rings and name not in rings:
        raise unknown_ring(name, rings)
    return name


def unknown_ring(name: str, rings: Sequence[str]) -> Refusal:
    """There is no such ring; the nearest one is named."""
    hint = did_you_mean(name, rings)
    return Refusal(
        "unknown_ring",
        f"não há o anel '{name[:40]}'; os anéis são {', '.join(rings)}",
        f"there is no ring '{name[:40]}'; {hint}",
        status=422,
    )
