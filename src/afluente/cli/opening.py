"""A command's project: found, read, checked and opened."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from afluente.core.errors import UsageError
from afluente.project.known import Known
from afluente.project.load import load_project
from afluente.project.settings import Project
from afluente.runs.steps.workspace import Workspace


def project_folder(arguments: Namespace) -> Path:
    """The folder of the project; UsageError when there is none."""
    folder = Path(arguments.folder)
    if not (folder / "afluente.yaml").is_file():
        where = "this folder" if str(folder) == "." else f"'{folder}'"
        raise UsageError(
            "cli.no_project",
            f"{where} is not a project: it has no afluente.yaml",
            hint="go to a project's folder, use -C DIR, or make one with `afluente init NAME`",
        )
    return folder.absolute()


def known_names() -> Known:
    """Everything a project is checked against: types, connectors and the SQL of models."""
    from afluente.conform.registry import type_names
    from afluente.models.graph import graph_problems
    from afluente.sources.registry import check_source, connector_names

    return Known(
        formats=type_names(), connectors=connector_names(), check_source=check_source, model_problems=graph_problems
    )


def open_project(arguments: Namespace) -> Project:
    """The project of the command, checked whole; CheckFailed holds every mistake."""
    folder = project_folder(arguments)
    return load_project(folder, environment=os.environ, typed_in=Path.cwd(), known=known_names())


def open_workspace(arguments: Namespace) -> Workspace:
    return Workspace(open_project(arguments))
