"""How many steps run at once: in all, on the engine, and against each source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from afluente.runs.plan import Step

ENGINE_GROUP = "engine"


@dataclass(frozen=True, slots=True)
class Limits:
    """`engine` is 1 by default, because one step already uses every core. A source not named has 1."""

    total: int = 4
    engine: int = 1
    sources: Mapping[str, int] = field(default_factory=dict)

    def capacity(self, group: str) -> int:
        """How many steps of a group may run at once."""
        if group == ENGINE_GROUP:
            return self.engine
        return self.sources.get(group.removeprefix("source "), 1)


def group_of(step: Step) -> str:
    """The group whose limit a step counts against."""
    return ENGINE_GROUP if step.source is None else f"source {step.source}"
