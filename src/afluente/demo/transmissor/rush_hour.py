"""The rush at eight, twice: once everybody writes into the central database, once with slots; a bystander reads.

Invariant: both rushes are of the same sites, with as many rows of the same form, on tables that began alike.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from afluente.core.errors import AfluenteError
from afluente.demo.transmissor.rush import database as central
from afluente.demo.transmissor.rush.bystander import Bystander
from afluente.demo.transmissor.rush.enrolled import enrol
from afluente.demo.transmissor.rush.lists import changed_rows

PACKAGE = "afluente.demo.transmissor.rush"
IDLE, NAIVE, SLOTS = "idle", "naive", "slots"
IDLE_SECONDS = 3.0
PATIENCE_SECONDS = 300.0
STOP_SECONDS = 20.0
WRITERS = 3
"""Processes that stand for the municipalities' own machines: one alone would be what is waited for."""


@dataclass(frozen=True, slots=True)
class RushSize:
    """How many simulated sites of how many rows wake within how many seconds."""

    sites: int = 120
    rows: int = 1000
    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Rush:
    """`latency` holds (second, milliseconds) of each phase; `p95_ms` and `wal_bytes` are by phase too."""

    size: RushSize
    latency: dict[str, list[tuple[float, float]]]
    p95_ms: dict[str, float]
    seconds: dict[str, float]
    wal_bytes: dict[str, int]
    arrived: int
    updated: int
    agents_processor_seconds: float

    @property
    def is_exactly_once(self) -> bool:
        return self.arrived == self.size.sites and self.updated == self.size.sites * changed_rows(self.size.rows)


def play_rush(dsn: str, size: RushSize) -> Rush:
    """Seed a database of its own on the central server, and measure."""
    return asyncio.run(_play(dsn, size))


async def _play(dsn: str, size: RushSize) -> Rush:
    import asyncpg

    await central.seed(dsn, sites=size.sites, rows=size.rows)
    watched, control = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    bystander = Bystander(watched)
    seconds: dict[str, float] = {}
    wal: dict[str, int] = {}
    processor = 0.0
    try:
        with tempfile.TemporaryDirectory(prefix="afluente-demo-rush-") as folder:
            enrol(Path(folder), size.sites)
            with _Process("hub_process", folder, dsn) as hub:
                address = await hub.line()
                await control.execute("CHECKPOINT")
                seconds[IDLE] = await bystander.watch_during(IDLE, asyncio.sleep(IDLE_SECONDS))
                before = await central.wal_bytes(control)
                with _Process("agents", address, *_words(size)) as agents:
                    seconds[SLOTS] = await bystander.watch_during(SLOTS, _until_loaded(control, agents, 2 * size.sites))
                    processor = float(json.loads(await agents.line())["cpu_seconds"])
                wal[SLOTS] = await central.wal_bytes(control) - before
        await control.execute("CHECKPOINT")
        before = await central.wal_bytes(control)
        with ExitStack() as opened:
            share = -(-size.sites // WRITERS)
            naive = [
                opened.enter_context(_Process("present_agents", dsn, *_share(size, first, share)))
                for first in range(0, size.sites, share)
            ]
            seconds[NAIVE] = await bystander.watch_during(NAIVE, asyncio.gather(*(one.line() for one in naive)))
        wal[NAIVE] = await central.wal_bytes(control) - before
        arrived = await control.fetchval("SELECT count(DISTINCT site) FROM afluente_loads WHERE kind = 'delta'")
        updated = await control.fetchval("SELECT sum(updated) FROM afluente_loads WHERE kind = 'delta'")
    finally:
        await watched.close()
        await control.close()
    p95 = {phase: bystander.p95(phase) for phase in (IDLE, NAIVE, SLOTS)}
    return Rush(size, bystander.seen, p95, seconds, wal, int(arrived), int(updated or 0), processor)


def _words(size: RushSize) -> tuple[str, ...]:
    return str(size.sites), str(size.rows), str(size.seconds)


def _share(size: RushSize, first: int, share: int) -> tuple[str, ...]:
    return str(first), str(min(share, size.sites - first)), str(size.rows), str(size.seconds)


async def _until_loaded(control: Any, agents: _Process, expected: int) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while await control.fetchval("SELECT count(*) FROM afluente_loads") < expected:
        if time.monotonic() > ends or agents.has_failed:
            raise AfluenteError("demo.rush", "the transmissions of the rush did not all arrive")
        await asyncio.sleep(0.2)


class _Process:
    """A process of the rush; ended when the `with` is."""

    def __init__(self, module: str, *words: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-W", "ignore", "-m", f"{PACKAGE}.{module}", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def has_failed(self) -> bool:
        return self._process.poll() not in (None, 0)

    async def line(self) -> str:
        """The next line that it says. AfluenteError when it ended instead."""
        assert self._process.stdout is not None
        said = (await asyncio.to_thread(self._process.stdout.readline)).strip()
        if not said:
            raise AfluenteError("demo.rush", "a process of the rush ended too soon")
        return said
