"""Whether the agent was running: a small file that says when it last was, and if it was stopped as it should.

Invariant: a gap is told once, in the hub's time, and only after the hub told its time to this process; a machine that
was switched off looks like one, and a stopped service like one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from afluente_agent import durable
from afluente_agent.clock_offset import HubClock
from afluente_agent.facts import Leave
from afluente_agent.protocol import fact_codes
from afluente_agent.uptime import Uptime
from afluente_agent.uptime import uptime as uptime_now

GAP_SECONDS = 600
STOPPED_WORD = "stopped"


class Alive:
    """Kept by the loop: `note` when a turn begins and `touch` when it ends."""

    def __init__(self, path: Path, clock: HubClock, leave: Leave, *, uptime: Callable[[], Uptime] = uptime_now) -> None:
        self._path, self._clock, self._leave, self._uptime = path, clock, leave, uptime
        self._since = 0
        self._slept_seconds = 0.0
        self._was_stopped = False

    def begin(self) -> None:
        """Read what the process before left."""
        self._slept_seconds = self._uptime().slept_seconds
        with contextlib.suppress(OSError, ValueError):
            seconds, _, word = self._path.read_text(encoding="ascii").strip().partition(" ")
            self._since, self._was_stopped = int(seconds), word == STOPPED_WORD

    def has_gap(self) -> bool:
        """Whether it seems that nothing ran for a while; a clock that jumped looks the same until the hub is heard."""
        return self._since > 0 and abs(self._clock.time() - self._since) > GAP_SECONDS

    def note(self) -> None:
        """The agent runs after a nap, or begins."""
        if not self._clock.is_confirmed:
            return
        now = self._clock.time()
        if self._since and now - self._since > GAP_SECONDS and not self._was_stopped:
            self._tell_gap(self._since, now)
        self._write(now)

    def touch(self) -> None:
        """The agent ran until now, however long its work took."""
        if self._clock.is_confirmed:
            self._write(self._clock.time())

    def end(self) -> None:
        """The agent was told to stop."""
        with contextlib.suppress(OSError):
            durable.replace(self._path, f"{self._clock.time()} {STOPPED_WORD}\n".encode())

    def _tell_gap(self, since: int, until: int) -> None:
        """Asleep where this process slept through most of it; otherwise off or killed, and a start if there was one."""
        up = self._uptime()
        if 2 * (up.slept_seconds - self._slept_seconds) > until - since:
            self._leave(fact_codes.POWER_SUSPENDED, since=since, until=until)
            return
        self._leave(fact_codes.POWER_OFF, since=since, until=until)
        booted_at = until - int(up.on_seconds)
        if up.on_seconds and booted_at > since:
            self._leave(fact_codes.POWER_BOOT, booted_at=booted_at)

    def _write(self, now: int) -> None:
        self._since, self._was_stopped = now, False
        self._slept_seconds = self._uptime().slept_seconds
        with contextlib.suppress(OSError):
            self._path.write_text(f"{now}\n", encoding="ascii")
