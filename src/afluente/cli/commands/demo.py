"""`afluente demo`: a reference project, end to end, on this machine."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from afluente.cli.console import Console
from afluente.core.errors import UsageError


def run(arguments: Namespace, console: Console) -> int:
    from afluente.demo.run import list_demos, run_demo

    if arguments.list:
        return list_demos(console)
    if arguments.rows is not None and arguments.rows < 1:
        raise UsageError("demo.rows", f"--rows {arguments.rows} is below 1")
    into = Path(arguments.into) if arguments.into else None
    return run_demo(arguments.name, into=into, rows=arguments.rows, console=console)
