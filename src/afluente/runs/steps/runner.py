"""Carries out the steps of a project's plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from afluente.core.errors import RunError
from afluente.runs.outcome import StepOutcome
from afluente.runs.plan import Step
from afluente.runs.steps.workspace import Workspace
from afluente.state.json_value import Json

Progress = Callable[[str, int, int], None]
"""Told a step's name, its rows done so far, and all its rows."""


class _Work(Protocol):
    def prepare(self) -> Mapping[str, Json] | None: ...

    def run(self, durable_input: Mapping[str, Json]) -> StepOutcome: ...


class ProjectRunner:
    """Implements StepRunner for the steps `plan_tables` makes."""

    def __init__(self, workspace: Workspace, *, progress: Progress | None = None) -> None:
        self._workspace = workspace
        self._progress = progress

    def prepare(self, step: Step, *, run_id: str, attempt: int) -> Mapping[str, Json] | None:  # noqa: ARG002
        return self._work(step, run_id).prepare()

    def run(self, step: Step, *, run_id: str, attempt: int, durable_input: Mapping[str, Json] | None) -> StepOutcome:  # noqa: ARG002
        if durable_input is None:
            return StepOutcome(status="unchanged")
        return self._work(step, run_id).run(durable_input)

    def _work(self, step: Step, run_id: str) -> _Work:
        match step.kind:
            case "source":
                from afluente.runs.steps.source_step import SourceStep

                return SourceStep(self._workspace, step, run_id=run_id)
            case "conform":
                from afluente.runs.steps.conform_step import ConformStep

                return ConformStep(self._workspace, step, run_id=run_id, progress=self._progress)
            case "model":
                from afluente.runs.steps.model_step import ModelStep

                return ModelStep(self._workspace, step, run_id=run_id)
            case "replay":
                from afluente.runs.steps.replay import ReplayStep

                return ReplayStep(self._workspace, step, run_id=run_id, progress=self._progress)
            case _:
                raise RunError("runs.step_kind", f"step {step.name} is of the unknown kind '{step.kind}'")
