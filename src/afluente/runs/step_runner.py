"""The seam between the workflow, which knows when a step runs, and whoever knows what it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from afluente.runs.outcome import StepOutcome
from afluente.runs.plan import Step
from afluente.state.json_value import Json


class StepRunner(Protocol):
    """Carries steps out. Steps of different groups are asked for at the same time, from several threads."""

    def prepare(self, step: Step, *, run_id: str, attempt: int) -> Mapping[str, Json] | None:
        """What must be the same when the attempt is repeated after a crash, such as the version to commit.

        Changes nothing. The answer is kept before `run` is called, and handed to every repetition of this
        attempt. A new attempt, after a retryable failure, is prepared anew.
        """
        ...

    def run(self, step: Step, *, run_id: str, attempt: int, durable_input: Mapping[str, Json] | None) -> StepOutcome:
        """Do the step's work. Repeating it with the same `durable_input` must change nothing more.

        Raises AfluenteError; one that is retryable is tried again.
        """
        ...
