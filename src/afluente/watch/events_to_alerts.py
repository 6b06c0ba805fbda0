"""Events read in order, and the alerts they open and resolve.

Invariant: an event is dealt with in the transaction that moves the cursor past it, so that it opens and resolves
once; a success resolves what a failure of the same subject opened; a step skipped for another's failure raises nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from afluente.core.language import Message
from afluente.state import events, quality_outcomes, steps_table
from afluente.state.events import Event
from afluente.state.watch_schema import CURSORS
from afluente.watch import alerts, cursors
from afluente.watch.alert import Alert, AlertKind, Severity
from afluente.watch.product_events import PRODUCT_KINDS, of_product_event
from afluente.watch.raised import raised
from afluente.watch.trouble import kind_of_step

if TYPE_CHECKING:
    from afluente.project.alert_settings import AlertSettings
    from afluente.project.settings import Project
    from afluente.runs.steps.workspace import Workspace

READER = "alerts"
BATCH = 500
GAVE_UP = "runs.gave_up"
QUARANTINE = "quality.quarantine"
_RUN_KINDS = ("run.failed", "run.done", "step.failed", "step.refused", "step.done", "step.unchanged")
KINDS = (*_RUN_KINDS, *PRODUCT_KINDS)
_OF_STEPS: tuple[AlertKind, ...] = ("extraction", "transformation", "connection", "credentials", "contract")


@dataclass(frozen=True, slots=True)
class Read:
    """How many events were dealt with, and how many times alerts were raised and resolved."""

    events: int = 0
    raised: int = 0
    resolved: int = 0


def read_events(workspace: Workspace) -> Read:
    """Deal with every event since the last time. A project without alerts reads nothing."""
    project, settings = workspace.project, workspace.project.alerts
    if settings is None:
        return Read()
    total = Read()
    while _has_more(workspace):
        with workspace.state.write() as connection:
            batch = events.after(connection, cursors.position(connection, READER), kinds=KINDS, limit=BATCH)
            if not batch:
                break
            fired = resolved = 0
            for event in batch:
                ups, downs = _deal_with(connection, project, settings, event)
                fired, resolved = fired + ups, resolved + downs
            cursors.move(connection, READER, batch[-1].id)
        total = Read(total.events + len(batch), total.raised + fired, total.resolved + resolved)
    return total


def _has_more(workspace: Workspace) -> bool:
    """Asked without the write lock, so that looking for nothing new holds nobody up."""
    with workspace.state.read() as connection:
        known = connection.execute(sa.select(CURSORS.c.position).where(CURSORS.c.name == READER)).scalar()
        return bool(events.after(connection, int(known or 0), kinds=KINDS, limit=1))


def _deal_with(connection: sa.Connection, project: Project, settings: AlertSettings, event: Event) -> tuple[int, int]:
    match event.kind:
        case "step.failed" | "step.refused":
            found = [_of_bad_step(connection, project, event)]
            ends: list[tuple[str, tuple[AlertKind, ...]]] = []
        case "step.done":
            found = _inconsistencies(connection, project, settings, event)
            ends = [(event.subject, (*_OF_STEPS, "inconsistency"))]
        case "step.unchanged":
            found, ends = [], [(event.subject, _OF_STEPS)]
        case "run.failed":
            found, ends = _of_failed_run(project, event), []
        case "run.done":
            found, ends = [], [(_run_subject(project), ("transformation",))]
        case _:
            found, ends = of_product_event(project, event)
    for alert in found:
        alerts.fire(connection, alert, at=event.at)
    kept = {alert.fingerprint for alert in found}
    resolved = [
        alert
        for subject, kinds in ends
        for alert in alerts.resolve_subject(connection, subject, kinds=kinds, at=event.at, but=kept)
    ]
    return len(found), len(resolved)


def _of_bad_step(connection: sa.Connection, project: Project, event: Event) -> Alert:
    code = str(event.payload.get("error_code") or "runs.unexpected")
    kind = "contract" if event.kind == "step.refused" else kind_of_step(event.subject, code)
    step = steps_table.find(connection, event.run_id or "", event.subject)
    said = ". ".join(part for part in (step and step.error_message, step and step.error_hint) if part)
    what = Message("recusado", "refused") if event.kind == "step.refused" else Message("falhou", "failed")
    detail = Message(
        f"{event.subject}: {what.pt} ({code}). {said}".strip(), f"{event.subject}: {what.en} ({code}). {said}".strip()
    )
    return raised(project, kind, "error", event.subject, code, detail=detail, run_id=event.run_id)


def _inconsistencies(connection: sa.Connection, project: Project, settings: AlertSettings, event: Event) -> list[Alert]:
    """Rules that did not hold and rows that were refused, of a step that went well otherwise."""
    found: list[Alert] = []
    subject, run_id = event.subject, event.run_id or ""
    for recorded in quality_outcomes.of_run(connection, run_id):
        outcome = recorded.outcome
        if recorded.step != subject or outcome.status == "passed" or outcome.severity == "info":
            continue
        where = f" ({outcome.column})" if outcome.column else ""
        detail = Message(
            f"a regra {outcome.rule}{where} não vale em {outcome.table}: {outcome.threshold}".rstrip(": "),
            f"rule {outcome.rule}{where} does not hold in {outcome.table}: {outcome.threshold}".rstrip(": "),
        )
        severity: Severity = "error" if outcome.severity == "error" else "warning"
        code = f"quality.{outcome.rule}"
        found.append(raised(project, "inconsistency", severity, subject, code, detail=detail, run_id=run_id))
    rejected, rows_in = event.payload.get("rows_rejected"), event.payload.get("rows_in")
    if isinstance(rejected, int) and isinstance(rows_in, int) and rows_in > 0:
        percent = 100 * rejected / rows_in
        if percent > settings.quarantine_percent:
            detail = Message(
                f"{rejected} de {rows_in} linhas ({percent:.1f}%) foram para a quarentena; o limite é "
                f"{settings.quarantine_percent:g}%",
                f"{rejected} of {rows_in} rows ({percent:.1f}%) went to quarantine; the limit is "
                f"{settings.quarantine_percent:g}%",
            )
            found.append(raised(project, "inconsistency", "warning", subject, QUARANTINE, detail=detail, run_id=run_id))
    return found


def _of_failed_run(project: Project, event: Event) -> list[Alert]:
    """A run that failed by itself; what its steps did was told by them."""
    if event.payload.get("error_code") != GAVE_UP:
        return []
    detail = Message(
        f"a execução {event.subject} foi interrompida muitas vezes e não será retomada sozinha",
        f"run {event.subject} was interrupted too often and is not gone on with by itself",
    )
    subject = _run_subject(project)
    return [raised(project, "transformation", "critical", subject, GAVE_UP, detail=detail, run_id=event.run_id)]


def _run_subject(project: Project) -> str:
    return f"run/{project.name}"
