from __future__ import annotations

import ast
from pathlib import Path

import pytest

import afluente.fleet

ROOM = Path(afluente.fleet.__file__).parent
BEHIND_THE_DOOR = (
    "agents", "catalogue_check", "documents", "enrolment", "operators", "remedies", "rollout_desk", "rollout_gate",
    "rollouts", "sites",
)  # fmt: skip
"""What the operators' door calls."""


@pytest.mark.parametrize("name", BEHIND_THE_DOOR)
def test_whatever_is_refused_behind_the_operators_door_has_words_in_portuguese(name: str) -> None:
    calls = [node for node in ast.walk(ast.parse((ROOM / f"{name}.py").read_text())) if isinstance(node, ast.Call)]
    raised = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "FleetError"]
    assert raised
    assert [ast.unparse(call) for call in raised if "pt" not in {word.arg for word in call.keywords}] == []
