"""The watchdog: puts back what maintenance removed, and starts what stands still.

Invariant: what an `uninstall` took away on purpose is not put back; each deed leaves a fact.
"""

from __future__ import annotations

from dataclasses import dataclass

from afluente_agent.facts import Leave
from afluente_agent.protocol import fact_codes
from afluente_agent.service.keeper import Keeper
from afluente_agent.service.program import Program

UNINSTALLED = "uninstalled"


@dataclass(frozen=True, slots=True)
class Watched:
    """What the watchdog did."""

    is_restored: bool
    is_started: bool


def mark_uninstalled(program: Program, *, is_uninstalled: bool) -> None:
    """Say in the data folder whether the agent is meant to be away."""
    marker = program.data_folder / UNINSTALLED
    if is_uninstalled:
        if program.data_folder.exists():
            marker.touch()
    else:
        marker.unlink(missing_ok=True)


def watch(keeper: Keeper, program: Program, leave: Leave) -> Watched:
    """Look once. ServiceError."""
    if not program.data_folder.exists() or (program.data_folder / UNINSTALLED).exists():
        return Watched(is_restored=False, is_started=False)
    is_restored = not keeper.is_installed(program)
    if is_restored:
        keeper.install(program)
        leave(fact_codes.SERVICE_WATCHDOG_RESTORED_TASK, name=keeper.what)
    is_started = not keeper.is_running()
    if is_started:
        keeper.start()
        if not is_restored:
            leave(fact_codes.SERVICE_RESTORED, name=keeper.what)
    return Watched(is_restored=is_restored, is_started=is_started)
