"""What a running agent shows to its watcher: that it lives, and that the hub answered it.

Invariant: the file says which start it is of, so that the health of an older process is never taken for a newer one's;
it counts instead of telling the time, so that a clock that jumps changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from afluente_agent import durable
from afluente_agent.protocol.messages import MessageError, from_json, to_json
from afluente_agent.update.folder import UpdateFolder

LAUNCH_VARIABLE = "AFLUENTE_AGENT_LAUNCH"
EXIT_ALREADY_RUNNING = 75
"""Another agent of this folder runs: no crash."""
EXIT_FOR_UPDATE = 76
"""The pointer moved: start what it points at now."""
PATIENCE_SECONDS = 30.0
ALIVE_SECONDS = 10.0
STANDARD_INPUT = 0


@dataclass(frozen=True, slots=True)
class Health:
    """`launch` names one start of a process; `alive` grows while it works; `reached` counts answers of the hub."""

    launch: str
    pid: int
    alive: int = 0
    reached: int = 0


class HealthFile:
    """Kept by the agent. Without a watcher it does nothing. A full disk never stops the agent."""

    def __init__(self, path: Path, launch: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._health = Health(launch, os.getpid())

    @classmethod
    def from_environment(cls, folder: UpdateFolder) -> HealthFile:
        return cls(folder.health, os.environ.get(LAUNCH_VARIABLE, ""))

    @property
    def is_watched(self) -> bool:
        return bool(self._health.launch)

    def alive(self) -> None:
        """The loop went round. Call it at least every ALIVE_SECONDS from the loop itself, never from a thread aside."""
        self._add(alive=1, reached=0)

    def reached_hub(self) -> None:
        """A heartbeat was answered."""
        self._add(alive=1, reached=1)

    def _add(self, *, alive: int, reached: int) -> None:
        if not self.is_watched:
            return
        with self._lock:
            known = self._health
            self._health = Health(known.launch, known.pid, known.alive + alive, known.reached + reached)
            with contextlib.suppress(OSError):
                _replace(self._path, to_json(self._health))


def read_health(path: Path, launch: str) -> Health | None:
    """The health of one start; None before it showed any."""
    try:
        health = from_json(Health, path.read_bytes())
    except (OSError, MessageError):
        return None
    return health if health.launch == launch else None


def follow_watcher(stop: Callable[[], None]) -> None:
    """Call `stop` when the watcher lets go of its end of our standard input, and end for good when that is not enough.

    A watcher that was killed would leave an agent that nobody watches. The descriptor is read itself: a thread that
    holds the buffer of `sys.stdin` breaks the interpreter's end.
    """
    if not os.environ.get(LAUNCH_VARIABLE):
        return

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(STANDARD_INPUT, 1):
                pass
        stop()
        threading.Event().wait(PATIENCE_SECONDS)
        os._exit(EXIT_ALREADY_RUNNING)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def _replace(path: Path, content: bytes) -> None:
    """Whole, but not synced: after a power cut there is another start anyway."""
    durable.make_folder(path.parent)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(path)
