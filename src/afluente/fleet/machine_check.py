"""Whether two sights of an installation are of one machine: a re-installation, a migration, a clone.

Invariant: a machine whose system id differs is another machine; a disk that cannot be read decides nothing; a restored
backup and an answer that was lost are no clone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal

from afluente.state.json_value import Json
from afluente_agent.protocol.limits import CLOCK_TOLERANCE_SECONDS, HEARTBEAT_SECONDS
from afluente_agent.protocol.messages import Decision, Machine

ALIVE = timedelta(seconds=3 * HEARTBEAT_SECONDS)
"""An installation seen this lately is alive."""
INTERLEAVING = timedelta(hours=24)
STEPS_BACK = 3
"""A sequence that goes back this often within INTERLEAVING is counted by two machines."""

Continuity = Literal["next", "repeated", "went_back", "machine_changed", "clone"]


@dataclass(frozen=True, slots=True)
class Installation:
    """An installation the hub knows."""

    agent: str
    site: str
    install_id: str
    machine_hash: str
    disk_hash: str
    last_seen_at: datetime | None

    def is_alive(self, at: datetime) -> bool:
        return self.last_seen_at is not None and at - self.last_seen_at <= ALIVE


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where the heartbeats of an installation stand: its last one, and what may show a clone.

    `other_machine` is the machine hash and disk hash before the last change, `other_started_at` the start of the
    process before the present one, and `steps_back` the moments (seconds) at which the sequence went back.
    """

    sequence: int = 0
    started_at: int = 0
    other_machine: tuple[str, str] = ("", "")
    other_started_at: int = 0
    steps_back: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Json]:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, kept: Mapping[str, Json] | None) -> Sighting:
        if not kept:
            return cls()
        machine, back = kept.get("other_machine"), kept.get("steps_back")
        hashes = [str(one) for one in machine] if isinstance(machine, Sequence) else []
        return cls(
            sequence=_integer(kept.get("sequence")),
            started_at=_integer(kept.get("started_at")),
            other_machine=(hashes[0], hashes[1]) if len(hashes) == 2 else ("", ""),
            other_started_at=_integer(kept.get("other_started_at")),
            steps_back=tuple(_integer(one) for one in back) if isinstance(back, Sequence) else (),
        )


def is_same_machine(machine: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two pairs of machine hash and disk hash are of one machine."""
    same_disk = machine[1] == other[1] or not machine[1] or not other[1]
    return machine[0] == other[0] and same_disk


def decide(
    machine: Machine, *, at_site: Sequence[Installation], twins: Sequence[Installation], at: datetime
) -> Decision:
    """What an enrolment is. `at_site` are the site's active installations; `twins` those anywhere with its install id."""
    seen = (machine.machine_hash, machine.disk_hash)
    for twin in twins:
        if twin.is_alive(at) and not is_same_machine(seen, (twin.machine_hash, twin.disk_hash)):
            return "clone"
    if not at_site:
        return "new"
    if any(is_same_machine(seen, (one.machine_hash, one.disk_hash)) for one in at_site):
        return "reinstalled"
    return "migration"


def follow(
    before: Sighting, known: tuple[str, str], *, sequence: int, started_at: int, seen: tuple[str, str], at: datetime
) -> tuple[Continuity, Sighting]:
    """What a heartbeat says of its installation, and where the heartbeats stand after it.

    Two machines show when one that was left behind speaks on from where it stood, when a process that another took the
    place of speaks again, or when sequence or machine goes back again and again. A disk that is put into another
    machine and brought back counts on, and is none.
    """
    now = int(at.timestamp())
    is_new_machine = not is_same_machine(seen, known)
    if sequence == before.sequence and started_at == before.started_at and not is_new_machine:
        return "repeated", before
    is_new_process = abs(started_at - before.started_at) > CLOCK_TOLERANCE_SECONDS
    is_back = sequence <= before.sequence
    is_old_machine = is_new_machine and before.other_machine[0] != "" and is_same_machine(seen, before.other_machine)
    steps = tuple(step for step in before.steps_back if now - step <= INTERLEAVING.total_seconds())
    if is_back or is_old_machine:
        steps = (*steps, now)
    after = Sighting(
        sequence=sequence,
        started_at=started_at,
        other_machine=known if is_new_machine else before.other_machine,
        other_started_at=before.started_at if is_new_process else before.other_started_at,
        steps_back=steps,
    )
    is_older_process = is_new_process and started_at < before.started_at
    is_left_machine = is_old_machine and (is_back or is_older_process)
    is_left_process = (
        is_new_process and is_back and before.other_started_at > 0 and abs(started_at - before.other_started_at) <= 1
    )
    if is_left_machine or is_left_process or len(steps) >= STEPS_BACK:
        return "clone", after
    if is_new_machine:
        return "machine_changed", after
    return ("went_back" if is_back else "next"), after


def _integer(value: Json) -> int:
    return value if isinstance(value, int) else 0
