"""What happened while the fleet was played: loads, river, rush, verdicts and updates, and whether all of it is right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from afluente.demo.transmissor.river import River
    from afluente.demo.transmissor.rush_hour import Rush
    from afluente.demo.transmissor.silences import Diagnosed
    from afluente.demo.transmissor.update_rings import Updates


@dataclass(frozen=True, slots=True)
class Load:
    """What a morning brought. `expected` lists were to arrive, each once; `twice` arrived more than once."""

    sites: int
    expected: int
    loaded: int
    twice: int
    rows: int
    size_bytes: int

    @property
    def is_exactly_once(self) -> bool:
        return self.loaded == self.expected and self.twice == 0


@dataclass(slots=True)
class FleetStory:
    """What happened, in order."""

    names: dict[str, str] = field(default_factory=dict)
    doctor: str = ""
    first: Load | None = None
    delta: Load | None = None
    river: River | None = None
    rush: Rush | None = None
    diagnosed: list[Diagnosed] = field(default_factory=list)
    hub_down: list[Diagnosed] = field(default_factory=list)
    wrongly_told: int = 0
    updates: Updates | None = None
    seconds: float = 0.0

    @property
    def exit_status(self) -> int:
        """0 only when every list was loaded exactly once, gold says what the central database says, and every verdict
        is the right one.
        """
        loads = (self.first, self.delta)
        is_right = (
            all(load is not None and load.is_exactly_once for load in loads)
            and self.river is not None
            and self.river.is_same
            and self.rush is not None
            and self.rush.is_exactly_once
            and all(one.is_right for one in (*self.diagnosed, *self.hub_down))
            and self.wrongly_told == 0
            and self.updates is not None
            and self.updates.is_right
        )
        return 0 if is_right else 1
