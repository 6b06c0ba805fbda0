"""What the loop works with, each as one callable: reading, the spool, sending, updating, the doctor.

Invariant: a part is loaded when it is first called; a part that is given in a test takes the same place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from afluente_agent.client import HubClient
from afluente_agent.facts import Leave
from afluente_agent.protocol.messages import SlotAnswer, Spool
from afluente_agent.settings import DataFolder, Settings


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was read from PEC into the spool. `failed` are codes, one a list that could not be read."""

    lists: int
    rows: int
    pec_version: str = ""
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sending:
    """What was sent; `is_all` when nothing waits any more."""

    transmissions: int
    size_bytes: int
    is_all: bool
    retry_after_seconds: float = 0


class Extract(Protocol):
    """Reads every list that is agreed into the spool. `only` names one list, `is_full` reads it whole."""

    def __call__(self, settings: Settings, *, only: str = "", is_full: bool = False) -> Extraction: ...


class Send(Protocol):
    """Sends what waits in the spool, within a slot. AgentError."""

    def __call__(self, settings: Settings, client: HubClient, slot: SlotAnswer) -> Sending: ...


class Update(Protocol):
    """Looks for an update and puts it beside; the status is told in heartbeats, `restart` when the process should end."""

    def __call__(self, settings: Settings, client: HubClient, *, version: str = "") -> str: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of an agent."""

    extract: Extract
    send: Send
    waiting: Callable[[], Spool]
    update: Update
    roll_back: Callable[[str], str]
    diagnose: Callable[[Settings], tuple[str, ...]]
    """The codes of what the doctor found wrong."""


MakeParts = Callable[[DataFolder, Leave], Parts]
RESTART = "restart"
