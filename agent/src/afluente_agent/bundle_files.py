"""The list of the files of the agent's folder that runs without Python, and the files by it.

Invariant: the list is written by packaging, once everything else is in the folder, and names itself; a list that is gone
is itself a file that is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

NAME = "files.txt"


def write_bundle_list(folder: Path) -> None:
    """Name every file of the folder, one a line, with slashes."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} | {NAME}
    (folder / NAME).write_text("".join(f"{name}\n" for name in sorted(names)), encoding="utf-8")


def bundle_files(folder: Path) -> Sequence[Path]:
    """The files that the folder was packaged with; the list alone where it is gone or cannot be read."""
    try:
        lines = (folder / NAME).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return [folder / NAME]
    return [folder / line.strip() for line in lines if line.strip()]
