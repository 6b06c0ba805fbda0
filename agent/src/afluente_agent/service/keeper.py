"""What the system's own tools do for the agent, whichever they are.

Invariant: each deed may be done twice; a tool that refuses is a ServiceError with the tool's name and exit status.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from afluente_agent.errors import ServiceError

NAME = "afluente-agent"
TOOL_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Program:
    """How the agent is started, and the folder of its data."""

    command: tuple[str, ...]
    data_folder: Path

    def line(self, verb: str) -> tuple[str, ...]:
        return (*self.command, verb)


@dataclass(frozen=True, slots=True)
class Done:
    """How a tool ended."""

    status: int
    output: str


Tool = Callable[[Sequence[str]], Done]


class Keeper(Protocol):
    """The keeper of a running agent."""

    what: str

    def is_installed(self, program: Program) -> bool:
        """Whether everything is there and says what it should."""
        ...

    def is_running(self) -> bool: ...

    def install(self, program: Program) -> None:
        """Put everything in place, and have it start with the machine."""
        ...

    def start(self) -> None: ...

    def uninstall(self) -> None: ...


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


def own_command() -> tuple[str, ...]:
    """How this very agent is started."""
    if getattr(sys, "frozen", False):
        return (sys.executable,)
    return (sys.executable, "-m", "afluente_agent")


def keeper_of_system(*, is_windows_service: bool = False) -> Keeper:
    """The keeper of this system."""
    if sys.platform == "win32":
        if is_windows_service:
            from afluente_agent.service.windows_service import WindowsService

            return WindowsService()
        from afluente_agent.service.windows_task import WindowsTask

        return WindowsTask()
    from afluente_agent.service.systemd import Systemd

    return Systemd()
