"""What the doors of the hub are made of: the parts that other modules of the fleet bring.

Invariant: a part raises Refusal for what the caller did wrong and nothing else on purpose; a part may be called by
several threads and several hub processes at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from afluente.core.clock import Clock
from afluente.fleet.documents import HubSigner
from afluente.fleet.heartbeats import LearnActivity
from afluente.fleet.identity import AgentIdentity
from afluente.fleet.pseudonym_key import PseudonymKey
from afluente.hub.settings import HubSettings
from afluente.state.database import Database
from afluente.state.json_value import Json
from afluente_agent.protocol.messages import SlotAnswer, SlotRequest, TransmissionStart, TransmissionState


class UploadsPart(Protocol):
    """Uploads into landing."""

    def start(self, identity: AgentIdentity, start: TransmissionStart) -> TransmissionState: ...

    def append(self, identity: AgentIdentity, transmission: str, offset: int, chunk: bytes, sha256: str) -> int:
        """Where the upload stands after the chunk. Refusal with status 409 and `offset` where it stands elsewhere."""
        ...

    def state(self, identity: AgentIdentity, transmission: str) -> TransmissionState: ...


class AdmissionPart(Protocol):
    """Slots by the latency of the central database."""

    def ask(self, identity: AgentIdentity, request: SlotRequest) -> SlotAnswer: ...

    def holds(self, connection: sa.Connection, site: str) -> bool: ...

    def release(self, slot: str) -> None: ...


class RolloutsPart(Protocol):
    """Updates in rings, as operators steer them. The answers are shown as they are."""

    def listed(self) -> Sequence[Mapping[str, Json]]: ...

    def start(self, version: str, *, by: str, reason: str) -> Mapping[str, Json]: ...

    def hold(self, rollout: str, *, by: str, reason: str) -> Mapping[str, Json]: ...

    def resume(self, rollout: str, *, by: str, reason: str) -> Mapping[str, Json]: ...

    def roll_back(self, rollout: str, *, by: str, reason: str) -> Mapping[str, Json]: ...


Diagnose = Callable[[], Sequence[Mapping[str, Json]]]
"""Draws the verdicts anew, and gives those that changed."""


@dataclass(frozen=True, slots=True)
class Background:
    """Work beside the doors, in a thread of its own: `run` returns soon after the event is set."""

    name: str
    run: Callable[[threading.Event], None]


@dataclass(frozen=True, slots=True)
class HubParts:
    """Everything both doors need. A part that is None answers 503."""

    database: Database
    clock: Clock
    signer: HubSigner
    settings: HubSettings
    uploads: UploadsPart | None = None
    admission: AdmissionPart | None = None
    rollouts: RolloutsPart | None = None
    rings: Sequence[str] = ()
    diagnose: Diagnose | None = None
    learn_activity: LearnActivity | None = None
    pseudonym_key: PseudonymKey | None = None
    updates_folder: Path | None = None
    bundles_folder: Path | None = None
    background: Sequence[Background] = field(default_factory=tuple)
