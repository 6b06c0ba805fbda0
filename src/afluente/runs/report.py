"""What became of a run."""

from __future__ import annotations

from dataclasses import dataclass

from afluente.state.runs_table import Run
from afluente.state.steps_table import StepRow

_EXIT_STATUS = {"done": 0, "refused": 3}


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run that ended or was interrupted, with its steps in the plan's order.

    `recovered` are the interrupted runs of the pipeline that were ended before this one began.
    """

    run: Run
    steps: tuple[StepRow, ...]
    recovered: tuple[RunReport, ...] = ()

    @property
    def exit_status(self) -> int:
        """0 done, 3 refused by a contract, 1 failed or interrupted."""
        return _EXIT_STATUS.get(self.run.status, 1)

    @property
    def is_unchanged(self) -> bool:
        """Whether every step found nothing to do."""
        return all(step.status == "unchanged" for step in self.steps)
