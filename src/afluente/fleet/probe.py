"""The measuring of the central database, once a second by one of the hub's processes.

Invariant: a database that does not answer counts as the slowest, so that the window closes rather than stays open.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from afluente.core.errors import AfluenteError
from afluente.fleet.admission import Admission
from afluente.fleet.central import Central
from afluente.fleet.window import WORST_MS, Window

_log = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0

OnAnswer = Callable[[bool], None]
"""Told after each measurement whether the database answered."""


async def measure(central: Central, admission: Admission, *, on_answer: OnAnswer | None = None) -> Window | None:
    """One measurement, if it is this process's turn; None when it is not."""
    if not await asyncio.to_thread(admission.begin_probe):
        return None
    is_answering = True
    try:
        latency_ms = await central.probe()
    except AfluenteError as error:
        _log.warning("the central database does not answer the probe", extra={"code": error.code})
        latency_ms, is_answering = WORST_MS, False
    if on_answer is not None:
        await asyncio.to_thread(on_answer, is_answering)
    return await asyncio.to_thread(admission.observe, latency_ms)


async def run(
    central: Central, admission: Admission, stop: asyncio.Event, *, on_answer: OnAnswer | None = None
) -> None:
    """Measure until told to stop. A state that fails is logged and tried again."""
    while not stop.is_set():
        try:
            await measure(central, admission, on_answer=on_answer)
        except AfluenteError as error:
            _log.error("the probe could not be kept", extra={"code": error.code})
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), INTERVAL_SECONDS)
