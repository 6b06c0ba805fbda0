"""The threads in which doors ask the state and write uploads, apart from the loop that talks to the network.

Invariant: a slow disk or database holds up its own threads only; SQLite is asked by one thread, so that none waits for
its lock asleep.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from afluente.hub.settings import HubSettings
from afluente.state.database import Database

Answer = TypeVar("Answer")


class Threads:
    """Shared by both doors of a process; close them after the doors."""

    def __init__(self, database: Database, settings: HubSettings) -> None:
        count = 1 if database.is_sqlite else settings.state_threads
        self._state = ThreadPoolExecutor(count, thread_name_prefix="hub-state")
        self._uploads = ThreadPoolExecutor(settings.upload_threads, thread_name_prefix="hub-upload")

    async def state(self, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._state, work)

    async def uploads(self, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._uploads, work)

    def close(self) -> None:
        self._state.shutdown(wait=True)
        self._uploads.shutdown(wait=True)
