"""Rollouts: an agent version that goes from ring to ring, started, held, resumed and taken back by operators.

Invariant: one rollout is open at a time; a ring is opened only by the gate or by an operator, and each step is an event
and an entry of the audit log; a rollout that was taken back is never opened again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from afluente.core.ids import new_id
from afluente.fleet.agent_version import check_version
from afluente.fleet.refusal import FleetError
from afluente.fleet.rollout_gate import GateRule, Judged, RingHealth, judge
from afluente.project.fleet_settings import RINGS
from afluente.state import audit_chain, events
from afluente.state.fleet_schema import AGENTS, ROLLOUT_AGENTS, ROLLOUTS, SITES
from afluente.state.json_value import Json
from afluente_agent.update.version_number import is_newer, is_version

RolloutStatus = Literal["going", "held", "rolled_back", "done"]
OPEN: tuple[RolloutStatus, ...] = ("going", "held")
MOST_REASON = 500
HUB = "hub"
_LOCK = 0x4146_5255


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout as it stands. `previous` is the version to go back to; `ring` the one that updates now."""

    id: str
    version: str
    status: RolloutStatus
    ring: str
    rings: tuple[str, ...]
    previous: str
    gate: GateRule
    started_at: datetime
    ring_started_at: datetime
    ended_at: datetime | None
    by_whom: str
    reason: str

    def has_reached(self, ring: str) -> bool:
        """Whether a ring is open. A ring that the rollout does not know comes with the last one."""
        place = self.rings.index(ring) if ring in self.rings else len(self.rings) - 1
        return place <= self.rings.index(self.ring)


def start(
    connection: sa.Connection,
    version: str,
    *,
    by: str,
    reason: str,
    at: datetime,
    rings: Sequence[str] = (),
    order: Sequence[str] = RINGS,
    gate: GateRule | None = None,
    previous: str = "",
) -> Rollout:
    """Offer a version to the first ring. Needs a write transaction. FleetError.

    `rings` are those of `order` with active agents unless given, the last for every ring not named; `previous` the version of the last rollout that was done, else
    the one that most agents run.
    """
    _lock(connection)
    _check_startable(connection, version)
    chosen = tuple(rings) or _rings_in_use(connection, order)
    if len(set(chosen)) != len(chosen) or not all(chosen):
        raise FleetError(
            "fleet.rollout_rings",
            "a ring is named twice or has no name",
            pt="um anel aparece duas vezes ou não tem nome",
        )
    back = previous or _usual_version(connection)
    if back and not is_newer(version, back):
        raise FleetError(
            "fleet.rollout_older",
            f"version {version} is not newer than {back}",
            pt=f"a versão {version} não é mais nova que {back}",
            hint="roll back instead",
        )
    rollout = Rollout(
        new_id(at), version, "going", chosen[0], chosen, back, gate or GateRule(), at, at, None, by, _said(reason)
    )
    plan: dict[str, Json] = {"order": list(chosen), "previous": back, "gate": rollout.gate.to_json()}
    connection.execute(
        sa.insert(ROLLOUTS).values(
            id=rollout.id,
            version=version,
            status=rollout.status,
            ring=rollout.ring,
            rings=plan,
            started_at=at,
            ring_started_at=at,
            ended_at=None,
            by_whom=by,
            reason=rollout.reason,
        )
    )
    _tell(connection, rollout, "started", by=by, reason=reason, at=at)
    return rollout


def _check_startable(connection: sa.Connection, version: str) -> None:
    check_version(version)
    running = newest(connection, *OPEN)
    if running is not None:
        raise FleetError(
            "fleet.rollout_open",
            f"version {running.version} is being rolled out ({running.status})",
            pt=f"a versão {running.version} está sendo distribuída ({running.status})",
            hint="roll it back or let it end first",
        )
    taken_back = sa.select(ROLLOUTS.c.id).where(ROLLOUTS.c.version == version, ROLLOUTS.c.status == "rolled_back")
    if connection.execute(taken_back).first() is not None:
        raise FleetError(
            "fleet.rollout_taken_back",
            f"version {version} was rolled back",
            pt=f"a versão {version} foi recolhida",
            hint="make a newer version",
        )


def hold(connection: sa.Connection, rollout: str, *, by: str, reason: str, at: datetime) -> Rollout:
    """Offer it to nobody more, until resumed. Needs a write transaction. FleetError."""
    return _change(connection, rollout, ("going",), "held", by=by, reason=reason, at=at, values={"status": "held"})


def resume(connection: sa.Connection, rollout: str, *, by: str, reason: str, at: datetime) -> Rollout:
    """Go on with a held rollout; the time of its ring begins anew. Needs a write transaction. FleetError."""
    values: dict[str, object] = {"status": "going", "ring_started_at": at}
    return _change(connection, rollout, ("held",), "resumed", by=by, reason=reason, at=at, values=values)


def roll_back(connection: sa.Connection, rollout: str, *, by: str, reason: str, at: datetime) -> Rollout:
    """Offer it to nobody more and order back those who have it. Needs a write transaction. FleetError."""
    found = require(connection, rollout)
    if not found.previous:
        raise FleetError(
            "fleet.rollout_no_previous",
            "it is not known which version to go back to",
            pt="não se sabe a que versão voltar",
        )
    values: dict[str, object] = {"status": "rolled_back", "ended_at": at}
    return _change(
        connection,
        rollout,
        (*OPEN, "done"),
        "rolled_back",
        by=by,
        reason=reason,
        at=at,
        values=values,
        only_newest=True,
    )


def advance(connection: sa.Connection, rollout: str, *, by: str, reason: str, at: datetime) -> Rollout:
    """Open the next ring; after the last one it is done. Needs a write transaction. FleetError."""
    found = require(connection, rollout)
    place = found.rings.index(found.ring)
    if place + 1 == len(found.rings):
        values: dict[str, object] = {"status": "done", "ended_at": at}
        return _change(connection, rollout, ("going",), "done", by=by, reason=reason, at=at, values=values)
    values = {"ring": found.rings[place + 1], "ring_started_at": at}
    return _change(connection, rollout, ("going",), "advanced", by=by, reason=reason, at=at, values=values)


def tend(connection: sa.Connection, *, at: datetime) -> Judged | None:
    """Judge the rollout that goes, and follow: for a background job. Needs a write transaction."""
    _lock(connection)
    rollout = newest(connection, "going")
    if rollout is None:
        return None
    judged = judge(measure(connection, rollout, at=at), rollout.gate)
    match judged.decision:
        case "advance":
            advance(connection, rollout.id, by=HUB, reason=judged.why, at=at)
        case "hold":
            hold(connection, rollout.id, by=HUB, reason=judged.why, at=at)
        case "wait":
            pass
    return judged


def measure(connection: sa.Connection, rollout: Rollout, *, at: datetime) -> RingHealth:
    """How the ring that updates now stands, with failures of the rings before it: theirs hold it too."""
    opened = [ring for ring in rollout.rings if rollout.has_reached(ring)]
    is_last = opened[-1] == rollout.rings[-1]
    in_ring = SITES.c.ring == rollout.ring
    if is_last:
        in_ring = sa.or_(in_ring, SITES.c.ring.not_in(rollout.rings))
    agents = connection.execute(
        sa.select(sa.func.count())
        .select_from(AGENTS.join(SITES, SITES.c.id == AGENTS.c.site))
        .where(AGENTS.c.status == "active", in_ring)
    ).scalar_one()
    rows = connection.execute(
        sa.select(ROLLOUT_AGENTS.c.status, ROLLOUT_AGENTS.c.ring, ROLLOUT_AGENTS.c.at)
        .join(AGENTS, AGENTS.c.id == ROLLOUT_AGENTS.c.agent)
        .where(ROLLOUT_AGENTS.c.rollout == rollout.id, AGENTS.c.status == "active")
    ).all()
    mine = [row for row in rows if row.ring == rollout.ring]
    return RingHealth(
        agents=int(agents),
        offered=len(mine),
        soaked=sum(
            row.status == "healthy" and (at - row.at).total_seconds() >= rollout.gate.soak_seconds for row in mine
        ),
        rolled_back=sum(row.status == "rolled_back" and row.at >= rollout.ring_started_at for row in rows),
        failed=sum(row.status == "failed" and row.at >= rollout.ring_started_at for row in rows),
        elapsed_seconds=(at - rollout.ring_started_at).total_seconds(),
    )


def require(connection: sa.Connection, rollout: str) -> Rollout:
    """A rollout by its id. FleetError."""
    row = connection.execute(sa.select(ROLLOUTS).where(ROLLOUTS.c.id == rollout)).first()
    if row is None:
        raise FleetError(
            "fleet.unknown_rollout", f"there is no rollout '{rollout[:40]}'", pt=f"não há distribuição '{rollout[:40]}'"
        )
    return _read(row)


def newest(connection: sa.Connection, *statuses: RolloutStatus) -> Rollout | None:
    """The newest rollout, of all or of these statuses."""
    query = sa.select(ROLLOUTS).order_by(ROLLOUTS.c.id.desc()).limit(1)
    if statuses:
        query = query.where(ROLLOUTS.c.status.in_(statuses))
    row = connection.execute(query).first()
    return None if row is None else _read(row)


def listed(connection: sa.Connection, *, limit: int = 50) -> list[Rollout]:
    """Rollouts, the newest first."""
    return [_read(row) for row in connection.execute(sa.select(ROLLOUTS).order_by(ROLLOUTS.c.id.desc()).limit(limit))]


def counts(connection: sa.Connection, rollout: str) -> dict[str, dict[str, int]]:
    """How many agents stand at each status, by ring."""
    query = (
        sa.select(ROLLOUT_AGENTS.c.ring, ROLLOUT_AGENTS.c.status, sa.func.count())
        .where(ROLLOUT_AGENTS.c.rollout == rollout)
        .group_by(ROLLOUT_AGENTS.c.ring, ROLLOUT_AGENTS.c.status)
    )
    found: dict[str, dict[str, int]] = {}
    for ring, status, count in connection.execute(query):
        found.setdefault(ring, {})[status] = int(count)
    return found


def _change(
    connection: sa.Connection,
    rollout: str,
    allowed: tuple[RolloutStatus, ...],
    word: str,
    *,
    by: str,
    reason: str,
    at: datetime,
    values: Mapping[str, object],
    only_newest: bool = False,
) -> Rollout:
    _lock(connection)
    found = require(connection, rollout)
    last = newest(connection)
    if found.status not in allowed or (only_newest and (last is None or last.id != found.id)):
        raise FleetError(
            "fleet.rollout_status",
            f"rollout {found.version} is {found.status} and cannot be {word}",
            pt=f"a distribuição da versão {found.version} está em '{found.status}', e isto já não cabe",
        )
    connection.execute(sa.update(ROLLOUTS).where(ROLLOUTS.c.id == rollout).values(reason=_said(reason), **values))
    changed = require(connection, rollout)
    _tell(connection, changed, word, by=by, reason=reason, at=at)
    return changed


def _tell(connection: sa.Connection, rollout: Rollout, word: str, *, by: str, reason: str, at: datetime) -> None:
    payload: dict[str, Json] = {
        "rollout": rollout.id,
        "version": rollout.version,
        "ring": rollout.ring,
        "reason": _said(reason),
        "agents": counts(connection, rollout.id),
    }
    subject = f"update/{rollout.version}"
    audit_chain.record(connection, at=at, actor=by, action=f"rollout.{word}", subject=subject, payload=payload)
    events.append(connection, at=at, kind=f"update.rollout_{word}", subject=subject, payload={**payload, "by": by})


def _said(reason: str) -> str:
    if not reason.strip():
        raise FleetError("fleet.reason_missing", "there is no reason", pt="falta o motivo", hint="give one")
    return reason[:MOST_REASON]


def _lock(connection: sa.Connection) -> None:
    if connection.dialect.name != "sqlite":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _rings_in_use(connection: sa.Connection, order: Sequence[str]) -> tuple[str, ...]:
    query = sa.select(SITES.c.ring).join(AGENTS, AGENTS.c.site == SITES.c.id).where(AGENTS.c.status == "active")
    used = {row.ring for row in connection.execute(query.distinct())}
    first = tuple(ring for ring in order[:-1] if ring in used)
    return (*first, order[-1]) if used - set(first) or not first else first


def _usual_version(connection: sa.Connection) -> str:
    done = newest(connection, "done")
    if done is not None:
        return done.version
    query = (
        sa.select(AGENTS.c.agent_version, sa.func.count().label("agents"))
        .where(AGENTS.c.status == "active")
        .group_by(AGENTS.c.agent_version)
        .order_by(sa.desc("agents"), AGENTS.c.agent_version)
    )
    return next((row.agent_version for row in connection.execute(query) if is_version(row.agent_version)), "")


def _read(row: sa.Row[tuple[object, ...]]) -> Rollout:
    plan = row.rings
    return Rollout(
        id=row.id,
        version=row.version,
        status=row.status,
        ring=row.ring,
        rings=tuple(plan["order"]),
        previous=plan["previous"],
        gate=GateRule.from_json(plan["gate"]),
        started_at=row.started_at,
        ring_started_at=row.ring_started_at,
        ended_at=row.ended_at,
        by_whom=row.by_whom,
        reason=row.reason,
    )
