"""Which program the service starts.

Invariant: the same folder gives the same program, so that what is installed can be compared with it.
"""

from __future__ import annotations

from afluente_agent.service.keeper import Program, own_command
from afluente_agent.settings import DataFolder


def program(folder: DataFolder) -> Program:
    """The agent that runs now, with its data folder."""
    return Program(own_command(), folder.root.absolute())
