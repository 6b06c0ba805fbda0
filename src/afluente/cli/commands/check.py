"""`afluente check`: every mistake of the project at once; no data is touched."""

from __future__ import annotations

import os
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from afluente.cli.console import Console
from afluente.cli.opening import known_names, project_folder
from afluente.core.errors import CheckFailed
from afluente.project.load import check_project, load_project


def run(arguments: Namespace, console: Console) -> int:
    folder = project_folder(arguments)
    known = known_names()
    problems = check_project(folder, environment=os.environ, typed_in=Path.cwd(), known=known)
    is_wrong = any(not problem.is_warning for problem in problems)
    if console.is_json:
        console.json([asdict(problem) for problem in problems])
        return 2 if is_wrong else 0
    if is_wrong:
        raise CheckFailed(problems)
    console.problems(problems)
    project = load_project(folder, environment=os.environ, typed_in=Path.cwd(), known=known)
    parts = (
        f"{len(project.sources)} sources",
        f"{len(project.contracts)} contracts",
        f"{len(project.models)} models",
        f"{len(project.schedules)} schedules",
    )
    console.note(f"{project.name}: {', '.join(parts)}; no mistakes")
    return 0
