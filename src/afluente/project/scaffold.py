"""New projects from templates packed beside this file.

Invariant: nothing is written unless all of it can be; a folder that holds anything is refused. Files named
`dot.X` in a template become `.X`, and `__NAME__` becomes the project's name.
"""

from __future__ import annotations

import shutil
import tempfile
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from afluente.core.errors import UsageError
from afluente.core.nearest import did_you_mean
from afluente.project.read_settings import NAME, NAME_HINT

DEFAULT_TEMPLATE = "vendas"
_NAME_MARK = b"__NAME__"
_DOT = "dot."


def templates() -> list[str]:
    """The names of the templates there are."""
    return sorted(folder.name for folder in _templates().iterdir() if folder.is_dir() and folder.name[0].isalpha())


def init_project(name: str, folder: Path, template: str = DEFAULT_TEMPLATE) -> list[str]:
    """Make a project called `name` in `folder`, which is new or empty; the files made, relative to it, sorted."""
    if not NAME.fullmatch(name):
        raise UsageError("init.name", f"{name!r} cannot name a project", hint=NAME_HINT)
    known = templates()
    if template not in known:
        hint = did_you_mean(template, known)
        raise UsageError("init.template", f"there is no template {template!r}", hint=hint)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("init.not_empty", f"{folder} exists and is not an empty folder", hint="name another folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            made = Path(scratch) / "project"
            _copy(_templates() / template, made, name.encode())
            if folder.exists():
                folder.rmdir()
            shutil.move(made, folder)
    except OSError as error:
        raise UsageError("init.unwritable", f"{folder} cannot be written: {error.strerror}") from error
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _templates() -> Traversable:
    return files("afluente.project") / "templates"


def _copy(source: Traversable, target: Path, name: bytes) -> None:
    target.mkdir()
    for entry in source.iterdir():
        if entry.name == "__pycache__":
            continue
        path = target / (f".{entry.name.removeprefix(_DOT)}" if entry.name.startswith(_DOT) else entry.name)
        if entry.is_dir():
            _copy(entry, path, name)
        else:
            path.write_bytes(entry.read_bytes().replace(_NAME_MARK, name))
