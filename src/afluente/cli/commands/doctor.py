"""`afluente doctor`: what is missing on this machine or in this project, and how to mend it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from afluente.cli.console import Console
from afluente.cli.machine import Finding, machine_findings


def run(arguments: Namespace, console: Console) -> int:
    found = list(_findings(arguments))
    is_whole = not any(one.state == "missing" for one in found)
    if console.is_json:
        console.json([one.as_json() for one in found])
        return 0 if is_whole else 2
    for one in found:
        console.data(f"{one.state:<8} {one.what:<22} {one.told}")
        if one.mend and one.state != "ok":
            console.data(f"{'':<8} {'':<22} -> {one.mend}")
    console.note("nothing essential is missing" if is_whole else "something essential is missing: see above")
    return 0 if is_whole else 2


def _findings(arguments: Namespace) -> Iterator[Finding]:
    folder = Path(arguments.folder)
    yield from machine_findings(folder)
    if (folder / "afluente.yaml").is_file():
        from afluente.cli.project_health import project_findings

        yield from project_findings(arguments)
    else:
        yield Finding("optional", "project", "this folder is no project", "look at one with -C DIR")
