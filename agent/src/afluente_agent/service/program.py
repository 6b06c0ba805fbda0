"""Which program the service starts.

Invariant: the same folder gives the same program, so that what is installed can be compared with it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from afluente_agent.settings import DataFolder

NAME = "afluente-agent"


@dataclass(frozen=True, slots=True)
class Program:
    """How the agent is started, and the folder of its data."""

    command: tuple[str, ...]
    data_folder: Path

    def line(self, verb: str) -> tuple[str, ...]:
        return (*self.command, verb)


def own_command() -> tuple[str, ...]:
    """How this very agent is started."""
    if getattr(sys, "frozen", False):
        return (sys.executable,)
    return (sys.executable, "-m", "afluente_agent")


def program(folder: DataFolder) -> Program:
    """The agent that runs now, with its data folder."""
    return Program(own_command(), folder.root.absolute())
