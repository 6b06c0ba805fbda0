"""The process boundary: parses the words, calls the command, and turns every error into lines and a status.

Invariant: standard output holds data only; a user's mistake never shows a traceback. What `--help` does not need is
imported after the words were parsed.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING

from afluente.cli.grammar import WrongWords
from afluente.cli.parser import build_parser

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

INTERRUPTED = 130
ONE_THREAD = "OPENBLAS_NUM_THREADS"
"""Matrices here are small; on a busy machine the library's waiting threads cost ten times what they save."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (0 done, 1 failed, 2 wrong, 3 refused, 130 interrupted)."""
    words = sys.argv[1:] if argv is None else argv
    try:
        arguments = build_parser().parse_args(words)
    except WrongWords as wrong:
        return _refuse(wrong, is_json="--json" in words)
    for stream in (sys.stdout, sys.stderr):
        _take_any_letter(stream, is_json=arguments.json)
    os.environ.setdefault(ONE_THREAD, "1")
    from importlib import import_module

    from afluente.cli.console import Console
    from afluente.core.errors import AfluenteError

    console = Console(is_json=arguments.json)
    try:
        command = import_module(f"afluente.cli.commands.{arguments.command}")
        status: int = command.run(arguments, console)
        sys.stdout.flush()
    except AfluenteError as error:
        console.error(error)
        return _leave(error.exit_status)
    except KeyboardInterrupt:
        console.note("interrupted; `afluente run` goes on with a run that was begun")
        return _leave(INTERRUPTED)
    except BrokenPipeError:
        _discard_output()
        return 0
    except Exception as error:  # noqa: BLE001 - the process boundary reports whatever is left
        if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
            _discard_output()
            console.error(
                AfluenteError("cli.output_full", "the answer was cut off: its disk is full", hint="make room")
            )
            return 1
        console.defect(error, folder=arguments.folder)
        return 1
    return _leave(status)


def _refuse(wrong: WrongWords, *, is_json: bool) -> int:
    from afluente.cli.console import Console
    from afluente.core.errors import UsageError

    error = UsageError("cli.usage", wrong.message, hint=wrong.hint)
    _take_any_letter(sys.stderr, is_json=is_json)
    Console(is_json=is_json).error(error)
    return error.exit_status


def _take_any_letter(stream: TextIO, *, is_json: bool) -> None:
    """JSON is UTF-8, and so is a machine without a locale; elsewhere a letter that the output lacks is escaped."""
    if isinstance(stream, io.TextIOWrapper):
        is_bare = stream.encoding.lower() in {"ascii", "us-ascii", "ansi_x3.4-1968"}
        stream.reconfigure(encoding="utf-8" if is_json or is_bare else None, errors="backslashreplace")


def _discard_output() -> None:
    """Whoever read the output has gone: what is still buffered for it goes nowhere, without a complaint at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _leave(status: int) -> int:
    """The status; where steps of an interrupted run still work, the process ends here, before what they use is gone."""
    drive = sys.modules.get("afluente.runs.drive")
    if drive is not None and drive.are_steps_running():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


if __name__ == "__main__":
    sys.exit(main())
