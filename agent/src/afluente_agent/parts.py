"""What the loop works with, each as one callable: reading, the spool, sending, updating, the doctor.

Invariant: a part is loaded when it is first called; a part that is given in a test takes the same place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from afluente_agent.client import HubClient
from afluente_agent.clock_offset import HubClock
from afluente_agent.errors import AgentError
from afluente_agent.facts import Leave
from afluente_agent.protocol.messages import SignedDocument, Spool
from afluente_agent.settings import DataFolder, Settings


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was read from PEC into the spool. `failed` says why, of each list that could not be read."""

    lists: int
    rows: int
    pec_version: str = ""
    failed: tuple[AgentError, ...] = ()


@dataclass(frozen=True, slots=True)
class Sending:
    """What was sent. `failure` ended it early; the hub may have asked to wait, and for lists to be read whole.

    `has_more`: sending went well and gave way to the other parts; it goes on at once.
    """

    transmissions: int = 0
    size_bytes: int = 0
    retry_after_seconds: float = 0
    reason: str = ""
    failure: AgentError | None = None
    lists_to_read_whole: tuple[str, ...] = ()
    has_more: bool = False


class Extract(Protocol):
    """Reads every list that is agreed into the spool. `only` names one list, `is_full` reads it whole.

    `meanwhile` is called every few seconds: reading takes hours where PEC is slow.
    """

    def __call__(
        self, settings: Settings, *, meanwhile: Callable[[], None], only: str = "", is_full: bool = False
    ) -> Extraction: ...


class Send(Protocol):
    """Sends what waits in the spool, within slots that it asks for. AgentError."""

    def __call__(self, settings: Settings, client: HubClient) -> Sending: ...


class Update(Protocol):
    """Follows the hub's order to update; whether the process is to end so that another version starts. AgentError."""

    def __call__(self, settings: Settings, client: HubClient, order: SignedDocument) -> bool: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of an agent."""

    extract: Extract
    send: Send
    waiting: Callable[[], Spool]
    update: Update
    update_status: Callable[[], str]
    roll_back: Callable[[str], str]
    diagnose: Callable[[Settings], tuple[str, ...]]
    """The codes of what the doctor found wrong."""
    alive: Callable[[], None]
    """Called at every turn of the loop, at least every ten seconds while nothing is done."""
    reached_hub: Callable[[], None]


class MakeParts(Protocol):
    """Makes the parts of an agent that begins; `clock` gives the hub's time. AgentError."""

    def __call__(self, folder: DataFolder, *, leave: Leave, clock: HubClock) -> Parts: ...
