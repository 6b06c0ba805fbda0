"""A process that erases one person from a project, and kills itself at one of its files' openings when it is told to.

It prints how many files it opened, renamed or removed while it erased.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from afluente.products.governance.erase import erase_person
from afluente.project.load import load_project
from afluente.runs.steps.workspace import Workspace

TOUCHES = frozenset({"open", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"})


class Steps:
    """Counts what the process does to files, once it is switched on; dies by SIGKILL at step `kill_at` (0: never)."""

    def __init__(self, kill_at: int) -> None:
        self.done, self.is_on, self._kill_at = 0, False, kill_at

    def __call__(self, event: str, _: object) -> None:
        if self.is_on and event in TOUCHES:
            self.done += 1
            if self.done == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)


def main(root: Path, cpf: str, kill_at: int) -> None:
    steps = Steps(kill_at)
    sys.addaudithook(steps)
    project = load_project(root, environment={}, typed_in=root)
    with Workspace(project, environment={}) as workspace:
        steps.is_on = True
        erase_person(workspace, identifiers={"silver.clientes.cpf": cpf}, by="ana", reason="pedido do titular")
        steps.is_on = False
    print(steps.done, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
