"""Builds a release in a process of its own: `release_worker.py PROJECT [PART]`, started by the tests.

With a part of a path, the process kills itself when it opens the second file whose path has it.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from release_project import ToldGates, open_project  # noqa: E402

from afluente.products.release.build import build_release  # noqa: E402


class Dying:
    def __init__(self, part: str) -> None:
        self._part, self._seen = part, set[str]()

    def __call__(self, event: str, told: tuple[object, ...]) -> None:
        if event == "open" and self._part in str(told[0]):
            self._seen.add(str(told[0]))
            if len(self._seen) == 2:
                os.kill(os.getpid(), signal.SIGKILL)


def work(root: Path) -> None:
    with open_project(root) as workspace:
        outcome = build_release(workspace, workspace.project.products[0], actor="ana", gates=ToldGates().gates())
        print(outcome.status, outcome.release.number if outcome.release else 0)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.addaudithook(Dying(sys.argv[2]))
    work(Path(sys.argv[1]))
