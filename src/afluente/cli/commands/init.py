"""`afluente init`: a new project from a template."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from afluente.cli.console import Console
from afluente.project.scaffold import DEFAULT_TEMPLATE, init_project


def run(arguments: Namespace, console: Console) -> int:
    folder = Path(arguments.folder) / arguments.name
    written = init_project(arguments.name, folder, arguments.template or DEFAULT_TEMPLATE)
    if console.is_json:
        console.json({"folder": str(folder), "files": written})
        return 0
    for name in written:
        console.note(f"  {folder / name}")
    console.note(f"made {folder}; now: cd {folder} && afluente check && afluente run")
    return 0
