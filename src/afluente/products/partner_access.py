"""Pausing, resuming and revoking a partner: by a named person, for a reason.

Invariant: a change is in the audit log and in the events, in the transaction that made it; a revoked partner's waiting
deliveries are cancelled in that transaction too.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from afluente.core.errors import UsageError
from afluente.state import audit_chain, deliveries, events, partners
from afluente.state.json_value import Json
from afluente.state.partners import Partner, PartnerStatus

if TYPE_CHECKING:
    import sqlalchemy as sa

    from afluente.runs.steps.workspace import Workspace

_KINDS = {"active": "partner.resumed", "paused": "partner.paused", "revoked": "partner.revoked"}


def pause_partner(workspace: Workspace, partner: str, *, by: str, reason: str) -> Partner:
    """Send nothing to the partner until it is resumed. UsageError."""
    return _change(workspace, partner, "paused", by=by, reason=reason)


def resume_partner(workspace: Workspace, partner: str, *, by: str, reason: str) -> Partner:
    """Send to the partner again, what was waiting first. What a revocation cancelled stays cancelled. UsageError."""
    return _change(workspace, partner, "active", by=by, reason=reason)


def revoke_partner(workspace: Workspace, partner: str, *, by: str, reason: str) -> Partner:
    """Send nothing more to the partner, and cancel what was waiting. UsageError."""
    return _change(workspace, partner, "revoked", by=by, reason=reason)


def cancel_deliveries(connection: sa.Connection, partner: str, *, at: datetime, actor: str) -> int:
    """Cancel what waits for a partner, each in the audit log. Needs a write transaction."""
    cancelled = deliveries.cancel_of_partner(connection, partner, at=at)
    for one in cancelled:
        payload: dict[str, Json] = {"connector": one.row.connector, "partner": partner}
        events.append(connection, at=at, kind="delivery.cancelled", subject=one.subject, payload=payload)
        audit_chain.record(
            connection, at=at, actor=actor, action="delivery.cancelled", subject=one.subject, payload=payload
        )
    return len(cancelled)


def _change(workspace: Workspace, partner: str, status: PartnerStatus, *, by: str, reason: str) -> Partner:
    if not reason.strip():
        raise UsageError("partner.reason_missing", f"partner {partner}: there is no reason", hint="give one: --reason")
    known = sorted({product.partner for product in workspace.project.products})
    if partner not in known:
        raise UsageError(
            "partner.unknown", f"no product has a partner '{partner}'", hint=f"there are: {', '.join(known) or 'none'}"
        )
    now = workspace.clock.now()
    changed = Partner(partner, status, now, by, reason)
    with workspace.state.write() as connection:
        before = partners.status_of(connection, partner)
        if before == status:
            raise UsageError("partner.unchanged", f"partner {partner} is {status} already")
        partners.set_status(connection, changed)
        kind, subject = _KINDS[status], f"partner/{partner}"
        payload: dict[str, Json] = {"before": before, "reason": reason}
        events.append(connection, at=now, kind=kind, subject=subject, payload={**payload, "by": by})
        audit_chain.record(connection, at=now, actor=by, action=kind, subject=subject, payload=payload)
        if status == "revoked":
            cancel_deliveries(connection, partner, at=now, actor=by)
    return changed
