"""Is the agent's own service or scheduled task where the installer put it, enabled and running."""

from __future__ import annotations

from afluente_agent.doctor.finding import Finding, finding
from afluente_agent.doctor.scheduled_task import ScheduledTask, parse_task
from afluente_agent.doctor.service_state import ServiceState, state_of
from afluente_agent.doctor.situation import Situation
from afluente_agent.protocol import fact_codes
from afluente_agent.service.program import NAME
from afluente_agent.service.systemd import WATCHDOG_TIMER
from afluente_agent.service.windows_service import SERVICE
from afluente_agent.service.windows_task import TASK, WATCHDOG_TASK


def check(situation: Situation) -> list[Finding]:
    """Before the enrolment nothing is expected; after it, either the service or the task (Windows)."""
    is_windows = situation.probes.system == "windows"
    name = SERVICE if is_windows else NAME
    state = state_of(name, situation.probes)
    if state is not None and state.is_installed:
        found = _of_service(state, name)
        watched = [] if is_windows else _of_timer(state_of(WATCHDOG_TIMER, situation.probes))
        return [*watched, *(one for one in found if one.is_wrong)] if watched else found
    task, is_known = _task(situation, TASK)
    if task is not None:
        watchdog, is_told = _task(situation, WATCHDOG_TASK)
        lost = [finding(fact_codes.TASK_MISSING, "warn", name=WATCHDOG_TASK)] if watchdog is None and is_told else []
        return _of_task(task) if not lost else lost + [one for one in _of_task(task) if one.is_wrong]
    if not situation.settings.is_enrolled:
        return [finding("ok.service", service="ainda não instalado")]
    if state is None or not is_known:
        return [finding("doctor.unknown", check="serviço do agente")]
    return [finding(fact_codes.TASK_MISSING, name=TASK if is_windows else NAME)]


def _of_service(state: ServiceState, name: str) -> list[Finding]:
    if state.is_disabled:
        return [finding(fact_codes.SERVICE_DISABLED, name=name)]
    if not state.is_running:
        return [finding(fact_codes.SERVICE_STOPPED, name=name)]
    return [finding("ok.service", service=name)]


def _of_timer(state: ServiceState | None) -> list[Finding]:
    """The watchdog of Linux: a warning, since the agent works without it."""
    if state is None or (state.is_installed and not state.is_disabled):
        return []
    return [
        finding(
            fact_codes.SERVICE_DISABLED if state.is_installed else fact_codes.TASK_MISSING, "warn", name=WATCHDOG_TIMER
        )
    ]


def _task(situation: Situation, name: str) -> tuple[ScheduledTask | None, bool]:
    """The task, and whether the system could tell: it hides the tasks of the system from who is no administrator."""
    if situation.probes.system != "windows":
        return None, True
    text = situation.probes.commands.run("schtasks", "/query", "/tn", name, "/xml")
    if text is None:
        return None, False
    task = parse_task(text)
    return task, task is not None or situation.probes.is_administrator


def _of_task(task: ScheduledTask) -> list[Finding]:
    if not task.is_enabled:
        return [finding(fact_codes.SERVICE_DISABLED, name=TASK)]
    reasons = [
        reason
        for is_so, reason in (
            (task.triggers == 0, "sem disparador ativo"),
            (not task.command, "sem comando"),
            (task.has_limit, f"é encerrada após {task.limit.removeprefix('PT').lower()}"),
            (task.is_for_mains_only, "só roda com energia da tomada"),
        )
        if is_so
    ]
    if reasons:
        return [finding(fact_codes.AGENT_TASK_CHANGED, name=TASK, reason="; ".join(reasons))]
    return [finding("ok.service", service=TASK)]
