"""The process boundary: parses the words, calls the command, and turns every error into lines and a status.

Invariant: standard output holds data only; a user's mistake never shows a traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from afluente.cli.console import Console
from afluente.cli.parser import build_parser
from afluente.core.errors import AfluenteError

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (0 done, 1 failed, 2 wrong, 3 refused, 130 interrupted)."""
    arguments = build_parser().parse_args(argv)
    console = Console(is_json=getattr(arguments, "json", False))
    try:
        command = import_module(f"afluente.cli.commands.{arguments.command}")
        status: int = command.run(arguments, console)
    except AfluenteError as error:
        console.error(error)
        return error.exit_status
    except KeyboardInterrupt:
        console.note("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:  # noqa: BLE001 - the process boundary reports whatever is left
        console.defect(error, folder=arguments.folder)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
