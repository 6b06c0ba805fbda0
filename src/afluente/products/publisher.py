"""The round of a server that keeps products: release what its schedule asks for, then send what is due.

Invariant: a tick is written down after its release was recorded; when the process dies between the two, the release is
built again and found unchanged. Trouble with one product does not keep another waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from afluente.core.errors import AfluenteError
from afluente.products.release.build import ReleaseOutcome, build_release
from afluente.products.sending import SendOutcome, send_due
from afluente.runs.cron import Cron
from afluente.runs.schedule import Timetable
from afluente.state import events

if TYPE_CHECKING:
    from afluente.project.product import Product
    from afluente.runs.steps.workspace import Workspace

ACTOR = "schedule"
LOOK_SECONDS = 5.0
STOP_SECONDS = 30.0


class Publisher:
    """Looks each `look_seconds`, in a thread and with a workspace of its own: an engine belongs to one thread.

    `on_release` and `on_sent` are told of each; `on_error` of what went wrong, which is tried again at the next look.
    """

    def __init__(
        self,
        open_workspace: Callable[[], Workspace],
        *,
        on_release: Callable[[ReleaseOutcome], None],
        on_sent: Callable[[SendOutcome], None],
        on_error: Callable[[AfluenteError], None],
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._open_workspace = open_workspace
        self._on_release = on_release
        self._on_sent = on_sent
        self._on_error = on_error
        self._look_seconds = look_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._publish, name="publisher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing any more. What is being sent is taken up again when its lease ends."""
        self._stopping.set()
        self._thread.join(STOP_SECONDS)

    def _publish(self) -> None:
        with self._open_workspace() as workspace:
            timetables = [(product, timetable_of(workspace, product)) for product in scheduled(workspace)]
            with self._told():
                for _, timetable in timetables:
                    timetable.begin(workspace.state, at=workspace.clock.now())
            while not self._stopping.wait(self._look_seconds):
                for product, timetable in timetables:
                    with self._told():
                        self._release(workspace, product, timetable)
                with self._told():
                    for outcome in send_due(workspace):
                        self._on_sent(outcome)

    def _release(self, workspace: Workspace, product: Product, timetable: Timetable) -> None:
        tick = timetable.due(workspace.state, at=workspace.clock.now())
        if tick is None or self._stopping.is_set():
            return
        try:
            outcome = build_release(workspace, product, actor=ACTOR)
        except AfluenteError as error:
            _record_failure(workspace, product, tick, error)
            raise
        with workspace.state.write() as connection:
            timetable.answer(connection, tick)
        self._on_release(outcome)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except AfluenteError as error:
            self._on_error(error)


def _record_failure(workspace: Workspace, product: Product, tick: datetime, error: AfluenteError) -> None:
    """Write down, once for a tick, that its release could not be made."""
    with workspace.state.write() as connection:
        events.append(
            connection,
            at=workspace.clock.now(),
            kind="release.failed",
            subject=f"product/{product.name}",
            payload={"partner": product.partner, "error_code": error.code, "message": error.message},
            key=f"release.failed:{product.name}:{tick.isoformat()}",
        )


def scheduled(workspace: Workspace) -> list[Product]:
    """The products that are released by themselves."""
    return [product for product in workspace.project.products if product.cron]


def timetable_of(workspace: Workspace, product: Product) -> Timetable:
    """When a product is released; its ticks are kept beside those of schedules, under a name no schedule has."""
    project = workspace.project
    return Timetable(project.name, f"product/{product.name}", Cron.parse(product.cron), ZoneInfo(project.timezone))
