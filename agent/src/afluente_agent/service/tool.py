"""The system's own tools: how one is run, and what is said when it refuses.

Invariant: a tool that refuses is a ServiceError with the tool's name and exit status.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from afluente_agent.errors import ServiceError

TOOL_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Done:
    """How a tool ended."""

    status: int
    output: str


Tool = Callable[[Sequence[str]], Done]


def run_tool(command: Sequence[str]) -> Done:
    """Run a tool of the system."""
    try:
        done = subprocess.run(  # noqa: S603 - the commands are ours
            list(command),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TOOL_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        return Done(127, "not found")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Done(126, type(error).__name__)
    return Done(done.returncode, done.stdout + done.stderr)


def must(tool: Tool, command: Sequence[str]) -> str:
    """The output of a tool that has to succeed. ServiceError."""
    done = tool(command)
    if done.status != 0:
        name = Path(command[0]).name
        raise ServiceError(
            "service.tool",
            f"o sistema recusou '{name} {command[1] if len(command) > 1 else ''}' (código {done.status})",
            f"{name} ended with status {done.status}",
            "Rode como administrador (Windows) ou com sudo (Linux).",
        )
    return done.output
