"""Whether a plan has anything to do, found without starting the durable workflow.

Invariant: an answer of no is certain; whatever cannot be told cheaply is a yes.
"""

from __future__ import annotations

from afluente.core.errors import AfluenteError
from afluente.runs.plan import Plan, Step
from afluente.runs.steps.workspace import Workspace

CHEAP_CONNECTORS = frozenset({"files", "simulator"})
"""Connectors that tell from the file system alone that nothing is new."""


def has_news(workspace: Workspace, plan: Plan) -> bool:
    """False when every step of the plan is known to have nothing to do."""
    try:
        return any(_has_news(workspace, step) for step in plan)
    except AfluenteError:
        return True


def _has_news(workspace: Workspace, step: Step) -> bool:
    match step.kind:
        case "source":
            connectors = {source.name: source.connector for source in workspace.project.sources}
            if connectors[str(step.source)] not in CHEAP_CONNECTORS:
                return True
            from afluente.runs.steps.source_step import SourceStep

            return SourceStep(workspace, step, run_id="").has_news()
        case "conform":
            from afluente.runs.steps.conform_step import ConformStep

            return ConformStep(workspace, step, run_id="").prepare() is not None
        case "model":
            from afluente.runs.steps.model_step import ModelStep

            return ModelStep(workspace, step, run_id="").prepare() is not None
        case _:
            return True
