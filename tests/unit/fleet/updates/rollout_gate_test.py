"""The gate by itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.fleet.refusal import FleetError
from afluente.fleet.rollout_gate import GateRule, RingHealth, judge

COUNT = st.integers(0, 50)
HEALTH = st.builds(RingHealth, COUNT, COUNT, COUNT, COUNT, COUNT, st.floats(0, 2_000_000))


@settings(max_examples=300, deadline=None)
@given(HEALTH)
def test_no_ring_opens_without_health_or_with_a_failure(health: RingHealth) -> None:
    judged = judge(health, GateRule())
    if judged.decision == "advance":
        assert health.agents > 0 and health.soaked >= 1
        assert health.rolled_back + health.failed <= 0.02 * health.offered
    if health.rolled_back + health.failed > max(1, health.offered):
        assert judged.decision == "hold"


def test_an_empty_or_silent_ring_waits_and_then_holds() -> None:
    rule = GateRule(patience_seconds=100)
    assert judge(RingHealth(0, 0, 0, 0, 0, 50), rule).decision == "wait"
    assert judge(RingHealth(5, 5, 0, 0, 0, 50), rule).decision == "wait"
    assert judge(RingHealth(5, 5, 1, 0, 0, 100), rule).decision == "hold"


def test_a_rule_is_kept_as_json_and_strange_ones_are_refused() -> None:
    rule = GateRule(soak_seconds=5)
    assert GateRule.from_json(rule.to_json()) == rule
    for wrong in ({"soak": 1}, {"soak_seconds": -1}, {"soak_seconds": "x"}, {"soak_seconds": True}):
        with pytest.raises(FleetError):
            GateRule.from_json(wrong)
