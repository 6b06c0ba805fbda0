"""What a run does: steps and the order their dependencies ask for.

Invariant: every step stands after the steps it depends on, and the plan's JSON text gives the same plan back.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from afluente.core.errors import RunError
from afluente.state.json_value import Json


@dataclass(frozen=True, slots=True)
class Step:
    """One unit of work, retried and resumed as a whole.

    `name` is unique in a plan (`source.pedidos`, `silver.clientes`). A step with a `source` counts against that
    source's limit, one without against the engine's. `parameters` are the runner's own.
    """

    name: str
    kind: str
    depends_on: tuple[str, ...] = ()
    source: str | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in an order in which they may run. Raises RunError where there is none."""

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        names = {step.name for step in self.steps}
        for step in self.steps:
            if step.name in seen:
                raise RunError("runs.plan_twice", f"step {step.name} stands twice in the plan")
            for needed in step.depends_on:
                if needed not in names:
                    raise RunError("runs.plan_missing", f"step {step.name} depends on {needed}, which is not planned")
                if needed not in seen:
                    raise RunError("runs.plan_order", f"step {step.name} stands before {needed}, which it depends on")
            seen.add(step.name)

    @classmethod
    def in_order(cls, steps: Sequence[Step]) -> Plan:
        """The plan of these steps, moved behind what they depend on and otherwise left in their order."""
        by_name = {step.name: step for step in steps}
        placed: dict[str, Step] = {}
        waiting = list(steps)
        while waiting:
            ready = [step for step in waiting if all(n in placed or n not in by_name for n in step.depends_on)]
            if not ready:
                cycle = ", ".join(step.name for step in waiting)
                raise RunError("runs.plan_cycle", f"steps wait for each other: {cycle}")
            first = ready[0]
            placed[first.name] = first
            waiting.remove(first)
        return cls(tuple(placed.values()))

    def without(self, finished: Collection[str]) -> Plan:
        """What is left when these steps need not run; nothing waits for them any more."""
        left = (step for step in self.steps if step.name not in finished)
        return Plan(
            tuple(
                Step(
                    name=step.name,
                    kind=step.kind,
                    depends_on=tuple(needed for needed in step.depends_on if needed not in finished),
                    source=step.source,
                    parameters=step.parameters,
                )
                for step in left
            )
        )

    def to_json(self) -> str:
        return json.dumps([asdict(step) for step in self.steps], ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        return cls(
            tuple(
                Step(
                    name=fields["name"],
                    kind=fields["kind"],
                    depends_on=tuple(fields["depends_on"]),
                    source=fields["source"],
                    parameters=fields["parameters"],
                )
                for fields in json.loads(text)
            )
        )

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)
