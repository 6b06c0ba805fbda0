"""The work beside the doors: loading, measuring the central database, and what is done at times.

Invariant: work that fails is logged and done again; it ends soon after it is told to.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from afluente.core.errors import AfluenteError
from afluente.hub.parts import Background

if TYPE_CHECKING:
    from afluente.fleet.admission import Admission
    from afluente.fleet.central import Central
    from afluente.fleet.loading import Loader
    from afluente.fleet.probe import OnAnswer

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.2


def repeating(name: str, every_seconds: float, work: Callable[[], object]) -> Background:
    """Work that is done now and then."""

    def run(stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                work()
            except AfluenteError as error:
                _log.warning("work beside the doors failed", extra={"work": name, "code": error.code})
            stop.wait(every_seconds)

    return Background(name, run)


def loading(
    open_central: Callable[[], Central],
    make_loader: Callable[[Central], Loader],
    admission: Admission,
    on_answer: OnAnswer | None = None,
) -> Background:
    """Load what has landed, and measure the central database, in one loop of their own."""

    async def work(stop: threading.Event) -> None:
        from afluente.fleet import probe

        told = asyncio.Event()
        async with open_central() as central, asyncio.TaskGroup() as group:
            group.create_task(make_loader(central).run(told))
            group.create_task(probe.run(central, admission, told, on_answer=on_answer))
            while not await asyncio.to_thread(stop.wait, _LOOK_SECONDS):
                pass
            told.set()

    return Background("loading", lambda stop: asyncio.run(work(stop)))
