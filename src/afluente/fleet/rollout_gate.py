"""The health gate: whether a ring went well enough for the next one. Pure.

Invariant: silence is never health; a ring nobody is in opens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

from afluente.fleet.refusal import FleetError
from afluente.state.json_value import Json

Decision = Literal["wait", "advance", "hold"]


@dataclass(frozen=True, slots=True)
class GateRule:
    """Shares are of the agents of the ring that were offered the version; failed ones count as rolled back."""

    least_healthy: int = 1
    least_healthy_share: float = 0.8
    least_offered_share: float = 0.5
    soak_seconds: float = 3600.0
    most_rolled_back: int = 0
    most_rolled_back_share: float = 0.02
    patience_seconds: float = 14 * 86_400.0

    def to_json(self) -> dict[str, Json]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> GateRule:
        """FleetError for a name or a value that is none."""
        known = {field.name for field in fields(cls)}
        given: dict[str, float] = {}
        for name, item in value.items():
            is_number = isinstance(item, int | float) and not isinstance(item, bool)
            if name not in known or not is_number or not isinstance(item, int | float) or item < 0:
                raise FleetError(
                    "fleet.gate", f"the gate has no number '{name[:40]}'", pt=f"o portão não tem o número '{name[:40]}'"
                )
            given[name] = item
        return cls(**given)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class RingHealth:
    """A ring as it stands. `agents` are the active ones; `soaked` those healthy for the time of the rule."""

    agents: int
    offered: int
    soaked: int
    rolled_back: int
    failed: int
    elapsed_seconds: float


@dataclass(frozen=True, slots=True)
class Judged:
    """The decision and, in a few words, why."""

    decision: Decision
    why: str


def judge(health: RingHealth, rule: GateRule) -> Judged:
    """What to do with the ring that updates now."""
    bad = health.rolled_back + health.failed
    if bad > max(rule.most_rolled_back, int(rule.most_rolled_back_share * health.offered)):
        return Judged("hold", f"{bad} of {health.offered} rolled back or failed")
    is_reached = health.agents > 0 and health.offered >= rule.least_offered_share * health.agents
    is_healthy = (
        health.soaked >= max(rule.least_healthy, 1) and health.soaked >= rule.least_healthy_share * health.offered
    )
    if is_reached and is_healthy:
        return Judged("advance", f"{health.soaked} of {health.offered} healthy")
    if health.elapsed_seconds >= rule.patience_seconds:
        return Judged("hold", f"only {health.soaked} of {health.agents} healthy in the time given")
    return Judged("wait", f"{health.soaked} of {health.offered} healthy, {health.agents} in the ring")
