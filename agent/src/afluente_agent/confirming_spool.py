"""The spool of an agent that sends deltas.

Invariant: what the hub took is confirmed in the list's map before it leaves the spool, so that the next delta is
reckoned from what the hub has, whenever the power goes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from afluente_agent.delta import DeltaStore
from afluente_agent.spool.store import Spool

if TYPE_CHECKING:
    from afluente_agent.facts import Leave


class ConfirmingSpool(Spool):
    """A spool that tells the deltas what was taken."""

    def __init__(
        self, folder: Path, identity_folder: Path, *, deltas: DeltaStore, leave: Leave, now: Callable[[], float]
    ) -> None:
        super().__init__(folder, identity_folder, leave=leave, now=now)
        self._deltas = deltas

    def remove(self, transmission: str) -> None:
        for name in self._deltas.lists():
            if self._deltas.confirm(name, transmission):
                break
        super().remove(transmission)
