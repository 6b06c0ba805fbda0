"""A command's project: found, read, checked and opened.

Invariant: a project is opened only when all of its files were found right, by this version, as they stand now.
"""

from __future__ import annotations

import os
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from afluente.cli.fingerprint import fingerprint
from afluente.cli.words import show_moments_in
from afluente.core.errors import UsageError

if TYPE_CHECKING:
    from afluente.project.settings import Project
    from afluente.runs.steps.workspace import Workspace

CHECKED_FILE = ".afluente/cache/checked"


def project_folder(arguments: Namespace) -> Path:
    """The folder of the project; UsageError when there is none."""
    folder = Path(arguments.folder)
    try:
        is_project = (folder / "afluente.yaml").is_file()
    except (OSError, ValueError):
        is_project = False
    if not is_project:
        where = "this folder" if str(folder) == "." else f"'{folder}'"
        raise UsageError(
            "cli.no_project",
            f"{where} is not a project: it has no afluente.yaml",
            hint="go to a project's folder, use -C DIR, or make one with `afluente init NAME`",
        )
    return folder.absolute()


def project_fingerprint(folder: Path) -> str:
    """What the project's meaning depends on besides its data; empty when a file cannot be read."""
    return fingerprint(folder, environment=os.environ, typed_in=Path.cwd())


def open_project(arguments: Namespace) -> Project:
    """The project of the command, checked whole; CheckFailed holds every mistake.

    Files that passed as they stand are read again and not checked against connectors, types and SQL again.
    """
    from afluente.products.known import known_names
    from afluente.project.known import NOTHING_KNOWN
    from afluente.project.load import load_project

    folder = project_folder(arguments)
    digest = project_fingerprint(folder)
    has_passed = bool(digest) and _checked(folder) == digest
    project = load_project(
        folder,
        environment=os.environ,
        typed_in=Path.cwd(),
        known=NOTHING_KNOWN if has_passed else known_names(),
    )
    if digest and not has_passed:
        _keep(folder, digest)
    show_moments_in(project.timezone)
    return project


def open_workspace(arguments: Namespace) -> Workspace:
    """The project, opened for work; close it."""
    from afluente.runs.steps.workspace import Workspace

    return Workspace(open_project(arguments))


def _checked(folder: Path) -> str:
    try:
        return (folder / CHECKED_FILE).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _keep(folder: Path, digest: str) -> None:
    path = folder / CHECKED_FILE
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(digest + "\n", encoding="ascii")
