"""Remedies: what an operator asks an agent to do at its next heartbeats.

Invariant: a remedy is given with every heartbeat until its agent says how it ended, so that a lost answer loses none;
an agent ends remedies of its own site only; each asking, cancelling and ending is in the audit log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

import sqlalchemy as sa

from afluente.core.ids import new_id
from afluente.fleet import sites
from afluente.fleet.identity import AgentIdentity
from afluente.fleet.refusal import FleetError
from afluente.state import audit_chain
from afluente.state.fleet_schema import REMEDIES
from afluente.state.json_value import Json
from afluente_agent.protocol.messages import Remedy, RemedyDone, RemedyKind

RemedyStatus = Literal["waiting", "sent", "done", "failed", "refused", "cancelled"]
KINDS: tuple[RemedyKind, ...] = get_args(RemedyKind)
OPEN: tuple[RemedyStatus, ...] = ("waiting", "sent")
MOST_A_HEARTBEAT = 20
MOST_DETAIL = 500
MOST_PARAMETERS = 10
MOST_PARAMETER = 200


def open_of(site: sa.ColumnElement[str]) -> sa.Select[tuple[str, str, Mapping[str, Json], str]]:
    """The query of a site's open remedies. Plain comparisons: a list of values is written out anew at each run."""
    is_open = sa.or_(*(REMEDIES.c.status == status for status in OPEN))
    return sa.select(REMEDIES.c.id, REMEDIES.c.kind, REMEDIES.c.parameters, REMEDIES.c.status).where(
        REMEDIES.c.site == site, is_open
    )


_TO_GIVE = open_of(sa.bindparam("of", type_=sa.Text)).order_by(REMEDIES.c.id).limit(MOST_A_HEARTBEAT)


@dataclass(frozen=True, slots=True)
class AskedRemedy:
    """A remedy as it stands in the state."""

    id: str
    site: str
    kind: RemedyKind
    parameters: Mapping[str, str]
    status: RemedyStatus
    by_whom: str
    reason: str
    created_at: datetime
    sent_at: datetime | None
    done_at: datetime | None
    detail: str


def create(
    connection: sa.Connection,
    site: str,
    kind: RemedyKind,
    parameters: Mapping[str, str],
    *,
    by: str,
    reason: str,
    at: datetime,
) -> AskedRemedy:
    """Ask for a remedy; the one that is open already when it is the same. Needs a write transaction. FleetError."""
    sites.require(connection, site)
    if kind not in KINDS:
        raise FleetError(
            "fleet.remedy_kind", "there is no such remedy", pt="não há esse remédio", hint=f"one of {', '.join(KINDS)}"
        )
    if not reason.strip():
        raise FleetError(
            "fleet.reason_missing",
            f"remedy {kind}: there is no reason",
            pt=f"remédio {kind}: falta o motivo",
            hint="give one",
        )
    too_long = any(len(text) > MOST_PARAMETER for pair in parameters.items() for text in pair)
    if len(parameters) > MOST_PARAMETERS or too_long:
        raise FleetError(
            "fleet.remedy_parameters",
            f"remedy {kind}: too many parameters, or too long ones",
            pt=f"remédio {kind}: parâmetros demais, ou longos demais",
        )
    for known in listed(connection, site, only_open=True):
        if known.kind == kind and dict(known.parameters) == dict(parameters):
            return known
    remedy = AskedRemedy(
        new_id(at), site, kind, dict(parameters), "waiting", by, reason[:MOST_DETAIL], at, None, None, ""
    )
    connection.execute(
        sa.insert(REMEDIES).values({name: getattr(remedy, name) for name in AskedRemedy.__dataclass_fields__})
    )
    payload: dict[str, Json] = {"remedy": remedy.id, "kind": kind, "parameters": dict(parameters), "reason": reason}
    audit_chain.record(connection, at=at, actor=by, action="remedy.asked", subject=f"site/{site}", payload=payload)
    return remedy


def cancel(connection: sa.Connection, remedy: str, *, by: str, reason: str, at: datetime) -> None:
    """Ask for it no more. One that was sent may be done all the same. Needs a write transaction. FleetError."""
    row = connection.execute(sa.select(REMEDIES.c.site).where(REMEDIES.c.id == remedy)).first()
    changed = connection.execute(
        sa.update(REMEDIES)
        .where(REMEDIES.c.id == remedy, REMEDIES.c.status.in_(OPEN))
        .values(status="cancelled", done_at=at)
    )
    if row is None or changed.rowcount != 1:
        raise FleetError(
            "fleet.unknown_remedy",
            f"no remedy '{remedy[:40]}' is open",
            pt=f"nenhum remédio '{remedy[:40]}' está aberto",
        )
    payload: dict[str, Json] = {"remedy": remedy, "reason": reason}
    audit_chain.record(
        connection, at=at, actor=by, action="remedy.cancelled", subject=f"site/{row.site}", payload=payload
    )


def listed(
    connection: sa.Connection, site: str = "", *, only_open: bool = False, limit: int = 200
) -> list[AskedRemedy]:
    """Remedies, the newest first."""
    query = sa.select(REMEDIES).order_by(REMEDIES.c.id.desc()).limit(limit)
    if site:
        query = query.where(REMEDIES.c.site == site)
    if only_open:
        query = query.where(REMEDIES.c.status.in_(OPEN))
    return [AskedRemedy(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def to_give(connection: sa.Connection, site: str, *, at: datetime) -> tuple[Remedy, ...]:
    """What an agent of the site is asked now, the oldest first; marked as sent. Needs a write transaction."""
    rows = connection.execute(_TO_GIVE, {"of": site}).all()
    fresh = [row.id for row in rows if row.status == "waiting"]
    if fresh:
        connection.execute(
            sa.update(REMEDIES)
            .where(REMEDIES.c.id.in_(fresh), REMEDIES.c.status == "waiting")
            .values(status="sent", sent_at=at)
        )
    return tuple(Remedy(row.id, row.kind, dict(row.parameters)) for row in rows)


def end(connection: sa.Connection, identity: AgentIdentity, done: Sequence[RemedyDone], *, at: datetime) -> None:
    """Keep how remedies of the agent's site ended; what is not open is passed over. Needs a write transaction."""
    for one in done:
        changed = connection.execute(
            sa.update(REMEDIES)
            .where(REMEDIES.c.id == one.id, REMEDIES.c.site == identity.site, REMEDIES.c.status.in_(OPEN))
            .values(status=one.outcome, done_at=at, detail=one.detail[:MOST_DETAIL])
        )
        if changed.rowcount == 1:
            audit_chain.record(
                connection,
                at=at,
                actor=f"agent/{identity.agent}",
                action=f"remedy.{one.outcome}",
                subject=f"site/{identity.site}",
                payload={"remedy": one.id},
            )
