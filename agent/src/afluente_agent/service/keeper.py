"""What the system's own tools do for the agent, whichever they are.

Invariant: each deed may be done twice.
"""

from __future__ import annotations

import sys
from typing import Protocol

from afluente_agent.service.program import Program


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
