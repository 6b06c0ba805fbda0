"""Someone who reads from the central database every 100 ms, and how long each reading took."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

EVERY_SECONDS = 0.1
QUERY = """
SELECT count(*), sum(amount), max(words) FROM bystander
WHERE municipality BETWEEN $1 AND $1 + 20
"""


@dataclass
class Bystander:
    """`seen` holds (seconds since the phase began, milliseconds) of each phase."""

    connection: Any
    seen: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    async def watch(self, phase: str, until: asyncio.Event) -> None:
        chance = random.Random(7)  # noqa: S311 - the same readings each time
        series = self.seen.setdefault(phase, [])
        began = time.perf_counter()
        turn = 0
        while not until.is_set():
            started = time.perf_counter()
            await self.connection.fetchrow(QUERY, chance.randrange(5500))
            series.append((round(started - began, 3), round((time.perf_counter() - started) * 1000, 3)))
            turn += 1
            await asyncio.sleep(max(0.0, began + turn * EVERY_SECONDS - time.perf_counter()))
            turn = max(turn, int((time.perf_counter() - began) / EVERY_SECONDS))

    async def watch_during(self, phase: str, work: Awaitable[object]) -> float:
        """Read for as long as the work takes; how many seconds that was."""
        until = asyncio.Event()
        watching = asyncio.create_task(self.watch(phase, until))
        began = time.perf_counter()
        try:
            await work
        finally:
            until.set()
            await watching
        return time.perf_counter() - began

    def p95(self, *phases: str) -> float:
        milliseconds = sorted(one for phase in phases for _, one in self.seen[phase])
        return milliseconds[min(len(milliseconds) - 1, int(len(milliseconds) * 0.95))]
