"""A replay in a process that kills itself: `python cli_replay_worker.py PROJECT COMMIT before|after`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from afluente.lake.lake import Lake
from afluente.lake.plan import Commit, Committed
from afluente.project.load import load_project
from afluente.runs.execute import Runs
from afluente.runs.steps.replay import contract_of, replay_plan
from afluente.runs.steps.runner import ProjectRunner
from afluente.runs.steps.workspace import Workspace


class DyingLake(Lake):
    """Kills its process before or after its n-th commit."""

    left = 0
    when = "before"

    def commit(self, plan: Commit) -> Committed:
        self.left -= 1
        if self.left == 0 and self.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = super().commit(plan)
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return done


def main() -> int:
    root = Path(sys.argv[1])
    project = load_project(root, environment=os.environ, typed_in=root)
    workspace = Workspace(project)
    lake = DyingLake(str(root / "lake"), {}, project.name)
    lake.left, lake.when = int(sys.argv[2]), sys.argv[3]
    workspace.__dict__["lake"] = lake
    runs = Runs(workspace.state, project_root=root, pipeline=project.name, runner=ProjectRunner(workspace))
    runs.execute(replay_plan(contract_of(project, "silver.pedidos")))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
