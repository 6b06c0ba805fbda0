"""Rollouts as the operators' door and the command line steer them: each call a transaction of its own.

Invariant: a rollout begins only with a version that the repository holds, and goes through rings of the project only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from afluente.core.clock import Clock
from afluente.fleet import rollouts
from afluente.fleet.refusal import FleetError
from afluente.fleet.rings import unknown_ring
from afluente.fleet.rollout_gate import GateRule, Judged
from afluente.fleet.rollouts import Rollout
from afluente.fleet.updates import UpdateRepository
from afluente.project.fleet_settings import RINGS
from afluente.state.database import Database
from afluente.state.json_value import Json


class RolloutDesk:
    """Answers are as they are shown."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        repository: UpdateRepository | None = None,
        *,
        gate: GateRule | None = None,
        rings: Sequence[str] = RINGS,
    ) -> None:
        """`rings` are those of the project, in the order in which an update reaches them."""
        self._database = database
        self._clock = clock
        self._repository = repository
        self._gate = gate or GateRule()
        self._rings = tuple(rings)

    def listed(self) -> Sequence[Mapping[str, Json]]:
        """Rollouts, the newest first, with their agents by ring and status."""
        with self._database.read() as connection:
            return [shown(connection, rollout) for rollout in rollouts.listed(connection)]

    def start(self, version: str, *, by: str, reason: str) -> Mapping[str, Json]:
        """Begin with the first ring: of those that the version was made for, else of the project's. FleetError."""
        rings: Sequence[str] = ()
        if self._repository is not None:
            found = [added for added in self._repository.versions() if added.version == version]
            if not found:
                raise FleetError(
                    "update.unknown_version",
                    f"the update repository has no version '{version[:40]}'",
                    pt=f"o repositório de atualizações não tem a versão '{version[:40]}'",
                    hint="add it first: afluente fleet update add",
                )
            rings = self._in_order(found[0].rings)
        with self._database.write() as connection:
            started = rollouts.start(
                connection,
                version,
                by=by,
                reason=reason,
                at=self._clock.now(),
                rings=rings,
                order=self._rings,
                gate=self._gate,
            )
            return shown(connection, started)

    def hold(self, rollout: str, *, by: str, reason: str) -> Mapping[str, Json]:
        return self._steer(rollouts.hold, rollout, by, reason)

    def resume(self, rollout: str, *, by: str, reason: str) -> Mapping[str, Json]:
        return self._steer(rollouts.resume, rollout, by, reason)

    def roll_back(self, rollout: str, *, by: str, reason: str) -> Mapping[str, Json]:
        return self._steer(rollouts.roll_back, rollout, by, reason)

    def advance(self, rollout: str, *, by: str, reason: str) -> Mapping[str, Json]:
        return self._steer(rollouts.advance, rollout, by, reason)

    def tend(self) -> Judged | None:
        """The background job: judge the rollout that goes."""
        with self._database.write() as connection:
            return rollouts.tend(connection, at=self._clock.now())

    def _in_order(self, rings: Sequence[str]) -> tuple[str, ...]:
        for ring in rings:
            if ring not in self._rings:
                raise unknown_ring(ring, self._rings)
        return tuple(ring for ring in self._rings if ring in rings)

    def _steer(self, step: Callable[..., Rollout], rollout: str, by: str, reason: str) -> Mapping[str, Json]:
        moment: datetime = self._clock.now()
        with self._database.write() as connection:
            return shown(connection, step(connection, rollout, by=by, reason=reason, at=moment))


def shown(connection: sa.Connection, rollout: Rollout) -> dict[str, Json]:
    """A rollout with its agents."""
    return {
        "id": rollout.id,
        "version": rollout.version,
        "status": rollout.status,
        "ring": rollout.ring,
        "rings": list(rollout.rings),
        "previous": rollout.previous,
        "started_at": rollout.started_at.isoformat(),
        "ring_started_at": rollout.ring_started_at.isoformat(),
        "ended_at": None if rollout.ended_at is None else rollout.ended_at.isoformat(),
        "by": rollout.by_whom,
        "reason": rollout.reason,
        "gate": rollout.gate.to_json(),
        "agents": rollouts.counts(connection, rollout.id),
    }
