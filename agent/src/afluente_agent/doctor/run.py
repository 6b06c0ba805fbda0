"""Runs the checks side by side, each with its limit of time, and gives their findings in a fixed order.

Invariant: a check that raises or does not end becomes an `unknown` finding and nothing else; the whole ends within
WHOLE_SECONDS, whatever the machine does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from afluente_agent.doctor.checks import (
    antivirus,
    clock,
    database,
    disk,
    dns,
    folder,
    hub,
    other_agent,
    pec,
    power,
    proxy,
    runtime,
    service,
    time_zone,
    tls,
)
from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.local_probes import local_probes
from afluente_agent.doctor.probes import Probes
from afluente_agent.doctor.situation import Situation
from afluente_agent.settings import DataFolder, Settings

WHOLE_SECONDS = 19.0


@dataclass(frozen=True, slots=True)
class Check:
    """`name_pt` is how a person calls it."""

    name: str
    name_pt: str
    look: Callable[[Situation], list[Finding]]


CHECKS: Sequence[Check] = (
    Check("pec", "e-SUS PEC", pec.check),
    Check("database", "banco de dados do PEC", database.check),
    Check("dns", "DNS", dns.check),
    Check("proxy", "proxy", proxy.check),
    Check("tls", "conexão segura", tls.check),
    Check("hub", "servidor da transmissão", hub.check),
    Check("clock", "relógio", clock.check),
    Check("time_zone", "fuso horário", time_zone.check),
    Check("disk", "espaço em disco", disk.check),
    Check("folder", "pasta do agente", folder.check),
    Check("antivirus", "arquivos do agente", antivirus.check),
    Check("service", "serviço do agente", service.check),
    Check("power", "queda de energia", power.check),
    Check("other_agent", "outro agente", other_agent.check),
    Check("runtime", "programa do agente", runtime.check),
)


def run_checks(
    settings: Settings,
    *,
    folder: DataFolder,
    probes: Probes | None = None,
    pec: Path | None = None,
    expected_issuer: str = "",
    checks: Iterable[Check] = CHECKS,
    seconds: float = WHOLE_SECONDS,
) -> list[Finding]:
    """The findings of every check, in the checks' order. Raises nothing."""
    situation = Situation(settings, folder, probes or local_probes(), pec=pec, expected_issuer=expected_issuer)
    ends = time.monotonic() + seconds
    running = [_Running(check, situation) for check in checks]
    return [one for each in running for one in each.findings(ends)]


class _Running:
    """A check in a thread of its own, which is left behind when it does not end."""

    def __init__(self, check: Check, situation: Situation) -> None:
        self._check, self._situation = check, situation
        self._found: list[Finding] | None = None
        self._reason = "timeout"
        self._thread = threading.Thread(target=self._look, name=f"doctor-{check.name}", daemon=True)
        self._thread.start()

    def findings(self, ends: float) -> list[Finding]:
        self._thread.join(max(0.0, ends - time.monotonic()))
        if self._found is not None:
            return self._found
        return [finding("doctor.unknown", check=self._check.name_pt, reason=self._reason)]

    def _look(self) -> None:
        try:
            self._found = self._check.look(self._situation)
        except Exception as error:  # noqa: BLE001 - a check that breaks must not take the others with it
            self._reason = type(error).__name__
