"""Whether the machine is being switched off, or only the agent was told to stop.

Invariant: where the system does not say, it is not being switched off.
"""

from __future__ import annotations

import sys

from afluente_agent.service.tool import Tool, run_tool

SHUTTING_DOWN = 0x2000
"""SM_SHUTTINGDOWN of GetSystemMetrics."""


def is_shutting_down(*, tool: Tool = run_tool) -> bool:
    """Ask the system, once the agent was told to stop."""
    if sys.platform == "win32":
        import ctypes

        return bool(ctypes.windll.user32.GetSystemMetrics(SHUTTING_DOWN))
    return tool(["systemctl", "is-system-running"]).output.strip() == "stopping"
