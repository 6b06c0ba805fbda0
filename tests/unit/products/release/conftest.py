from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from release_project import commit_facts, make_project, open_project, sales

from afluente.runs.steps.workspace import Workspace


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Workspace]]:
    """Makes a project with sales, and opens it; closed at the end."""
    spaces: list[Workspace] = []

    def open_(**options: object) -> Workspace:
        root = make_project(tmp_path / f"p{len(spaces)}", **options)
        workspace = open_project(root)
        spaces.append(workspace)
        commit_facts(workspace, sales())
        return workspace

    yield open_
    for workspace in spaces:
        workspace.close()
