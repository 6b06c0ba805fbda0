"""The rules of a contract asked of a table that is about to be committed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from afluente.engines.engine import Engine
from afluente.project.contract import Contract
from afluente.runs.steps.workspace import Workspace
from afluente.state.quality_outcomes import QualityOutcome

if TYPE_CHECKING:
    pass


def ask_rules(
    workspace: Workspace, contract: Contract | None, register: Callable[[], None], view: str, *, engine: Engine
) -> list[QualityOutcome]:
    """Every rule's outcome, each by itself; no rules, no reading. `register` makes the table readable as `view`."""
    return []
