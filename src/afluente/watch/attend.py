"""The round of who watches: read what happened, then tell people.

Invariant: trouble with telling is told to the caller and never changes how what was watched ended.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from afluente.core.errors import AfluenteError
from afluente.watch.events_to_alerts import Read, read_events
from afluente.watch.notify import Notified, notify_due
from afluente.watch.run_figures import learn_from_runs

if TYPE_CHECKING:
    from afluente.runs.steps.workspace import Workspace

LOOK_SECONDS = 60.0
STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Attended:
    """What one round did."""

    read: Read
    notified: Notified


def attend(workspace: Workspace) -> Attended:
    """Read the events since the last time, then write and send the notices that are due. Raises AfluenteError."""
    learn_from_runs(workspace)
    read = read_events(workspace)
    return Attended(read, notify_due(workspace))


class Watcher:
    """Attends in a thread of its own, every LOOK_SECONDS and whenever it is woken. For a server that stays up."""

    def __init__(self, workspace: Workspace, *, on_error: Callable[[AfluenteError], None]) -> None:
        self._workspace = workspace
        self._on_error = on_error
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._attend, name="watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Something happened: look now."""
        self._wake.set()

    def stop(self) -> None:
        """Look once more and end. What is not told within some seconds waits in the outbox."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(STOP_SECONDS)

    def _attend(self) -> None:
        while True:
            is_last = self._stopping.is_set()
            self._wake.clear()
            try:
                attend(self._workspace)
            except AfluenteError as error:
                self._on_error(error)
            except Exception as error:  # noqa: BLE001 - the boundary of a worker: it goes on looking
                self._on_error(
                    AfluenteError(
                        "watch.unexpected",
                        f"an unexpected {type(error).__name__} was raised while alerts were looked at",
                        hint="this is a defect of afluente: please report it with this line",
                    )
                )
            if is_last:
                return
            if not self._stopping.is_set():
                self._wake.wait(LOOK_SECONDS)
