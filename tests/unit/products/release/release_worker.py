"""Builds a release in a process of its own; started by the tests with the project's folder."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from release_project import ToldGates, open_project  # noqa: E402

from afluente.products.release.build import build_release  # noqa: E402


def work(root: Path) -> None:
    with open_project(root) as workspace:
        outcome = build_release(workspace, workspace.project.products[0], actor="ana", gates=ToldGates().gates())
        print(outcome.status, outcome.release.number if outcome.release else 0)


if __name__ == "__main__":
    work(Path(sys.argv[1]))
