"""The parts of a real agent: PEC's reader, the spool, the uploader, the updater, the doctor.

Invariant: each is loaded when it is first called, so that an agent that waits stays small.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from afluente_agent import __version__
from afluente_agent.client import HubClient
from afluente_agent.clock_offset import HubClock
from afluente_agent.errors import UpdateError
from afluente_agent.facts import Leave
from afluente_agent.parts import Extraction, Parts, Sending
from afluente_agent.protocol import messages
from afluente_agent.settings import DataFolder, Settings
from afluente_agent.update.folder import UpdateFolder
from afluente_agent.update.health import HealthFile
from afluente_agent.update.pointer import PointerFile

if TYPE_CHECKING:
    from afluente_agent.delta import DeltaStore
    from afluente_agent.spool.store import Spool

ALIVE_SECONDS = 5.0
SENDING_SECONDS = 300.0
"""After this, sending lets the other parts have their turn: over a poor line a first load takes hours."""
UNKNOWN_LIST = ""
"""What the spool calls the list of a transmission it can no longer read: it may be any of them."""


def default_parts(
    folder: DataFolder, *, leave: Leave, clock: HubClock, pause: Callable[[float], None] = time.sleep
) -> Parts:
    """The parts of the agent of a folder. `pause` lets seconds pass while sending waits."""
    return _DefaultParts(folder, leave, clock, pause).parts()


class _DefaultParts:
    def __init__(self, folder: DataFolder, leave: Leave, clock: HubClock, pause: Callable[[float], None]) -> None:
        self._folder, self._leave, self._clock, self._pause = folder, leave, clock, pause
        self._updates = UpdateFolder(folder.root)
        self._health = HealthFile.from_environment(self._updates)
        self._alive_at = 0.0
        self._open_spool: Spool | None = None
        self._to_read_whole: set[str] = set()

    def parts(self) -> Parts:
        return Parts(
            extract=self._extract,
            send=self._send,
            waiting=self._waiting,
            update=self._update,
            update_status=self._update_status,
            roll_back=self._roll_back,
            diagnose=self._diagnose,
            alive=self._alive,
            reached_hub=self._health.reached_hub,
        )

    def _spool(self) -> Spool:
        if self._open_spool is None:
            from afluente_agent.confirming_spool import ConfirmingSpool
            from afluente_agent.spool.recovery import recover

            opened = ConfirmingSpool(
                self._folder.spool,
                self._folder.identity,
                deltas=self._deltas(),
                leave=self._leave,
                now=self._now,
            )
            self._to_read_whole |= recover(opened).lists_to_read_whole
            self._open_spool = opened
        return self._open_spool

    def _deltas(self) -> DeltaStore:
        from afluente_agent.delta import DeltaStore

        return DeltaStore(self._folder.root / "deltas")

    def _now(self) -> float:
        return float(self._clock.time())

    def _waiting(self) -> messages.Spool:
        return self._spool().status()

    def _extract(
        self, settings: Settings, *, meanwhile: Callable[[], None], only: str = "", is_full: bool = False
    ) -> Extraction:
        from afluente_agent.collect import Collecting, collect

        def breathe() -> None:
            self._alive()
            meanwhile()

        by = Collecting(self._folder, settings, self._spool(), self._deltas(), self._now, breathe)
        return collect(by, only=only, is_full=is_full)

    def _send(self, settings: Settings, client: HubClient) -> Sending:
        from afluente_agent.upload import Pace, send

        pace = Pace(
            now=self._now,
            monotonic=time.monotonic,
            sleep=self._sleep,
            chunk_bytes=settings.chunk_bytes,
            most_bytes_per_second=settings.most_bytes_per_second,
            most_seconds=SENDING_SECONDS,
        )
        sent = send(self._spool(), client, pace)
        whole, self._to_read_whole = sent.lists_to_read_whole | self._to_read_whole, set()
        known = set(self._deltas().lists())
        for name in known if UNKNOWN_LIST in whole else whole & known:
            self._deltas().forget(name)
        return Sending(
            transmissions=sent.transmissions,
            size_bytes=sent.size_bytes,
            retry_after_seconds=sent.retry_after_seconds,
            reason=sent.reason,
            failure=sent.failure,
            lists_to_read_whole=tuple(sorted(whole - {UNKNOWN_LIST})),
            has_more=sent.has_more,
        )

    def _sleep(self, seconds: float) -> None:
        left = seconds
        while left > 0:
            self._alive()
            self._pause(min(left, ALIVE_SECONDS))
            left -= ALIVE_SECONDS

    def _alive(self) -> None:
        if time.monotonic() - self._alive_at >= ALIVE_SECONDS:
            self._alive_at = time.monotonic()
            self._health.alive()

    def _update(self, settings: Settings, client: HubClient, order: messages.SignedDocument) -> bool:
        """An agent that nobody watches follows no order: there would be no way back from a bad version."""
        if not self._health.is_watched:
            return False
        from afluente_agent.update.apply import Updates

        updates = Updates(
            self._updates,
            running=__version__,
            leave=self._leave,
            open_http=client.plain_http,
            base_url=client.hub + "/updates/",
            most_bytes_per_second=settings.most_bytes_per_second,
            alive=self._alive,
        )
        return updates.follow(order, agent=settings.agent, hub_keys=settings.hub_keys, hub_time=self._clock.time())

    def _update_status(self) -> str:
        try:
            return PointerFile(self._updates).load().status
        except UpdateError:
            return ""

    def _roll_back(self, version: str) -> str:
        return f"asked {version}".strip()

    def _diagnose(self, settings: Settings) -> tuple[str, ...]:
        from afluente_agent.doctor_call import diagnose, leave_findings

        return leave_findings(diagnose(self._folder, hub=settings.hub), self._leave)
