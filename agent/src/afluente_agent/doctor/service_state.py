"""Services as the system's tools tell of them: `sc` of Windows in any language, `systemctl show` of Linux.

Invariant: the parsers are pure; a text that says nothing gives None, never a guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from afluente_agent.doctor.probes import Probes

NOT_INSTALLED = re.compile(r"\b1060\b")
RUN_STATE = re.compile(r":\s*\d\s+(STOPPED|START_PENDING|STOP_PENDING|RUNNING|CONTINUE_PENDING|PAUSE_PENDING|PAUSED)\b")
START_KIND = re.compile(r":\s*\d\s+(BOOT_START|SYSTEM_START|AUTO_START|DEMAND_START|DISABLED)\b")


@dataclass(frozen=True, slots=True)
class ServiceState:
    """`is_automatic` when it starts with the machine."""

    is_installed: bool
    is_running: bool = False
    is_disabled: bool = False
    is_automatic: bool = True


def state_of(name: str, probes: Probes) -> ServiceState | None:
    """The state of a service; None when it cannot be told."""
    if probes.system == "windows":
        return parse_sc(probes.commands.run("sc", "query", name) or "", probes.commands.run("sc", "qc", name) or "")
    unit = name if name.endswith((".service", ".timer")) else f"{name}.service"
    return parse_systemctl(
        probes.commands.run("systemctl", "show", unit, "-p", "LoadState,ActiveState,UnitFileState") or ""
    )


def parse_sc(query: str, configuration: str = "") -> ServiceState | None:
    """The state in what `sc query` and `sc qc` printed."""
    run = RUN_STATE.search(query)
    if run is None:
        return ServiceState(is_installed=False) if NOT_INSTALLED.search(query) else None
    start = START_KIND.search(configuration)
    kind = start[1] if start else "AUTO_START"
    return ServiceState(
        is_installed=True,
        is_running=run[1] in ("RUNNING", "START_PENDING", "CONTINUE_PENDING"),
        is_disabled=kind == "DISABLED",
        is_automatic=kind in ("AUTO_START", "BOOT_START", "SYSTEM_START"),
    )


def parse_systemctl(text: str) -> ServiceState | None:
    """The state in what `systemctl show -p LoadState,ActiveState,UnitFileState` printed."""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    load = values.get("LoadState")
    if load is None:
        return None
    if load == "not-found":
        return ServiceState(is_installed=False)
    file_state = values.get("UnitFileState", "")
    return ServiceState(
        is_installed=True,
        is_running=values.get("ActiveState") in ("active", "activating", "reloading"),
        is_disabled=load == "masked" or file_state in ("disabled", "masked"),
        is_automatic=file_state not in ("disabled", "masked"),
    )
