"""A hub process: both doors on their ports, and the work beside them.

Invariant: several processes over one PostgreSQL state are one hub; work beside the doors that fails is logged and
done again, and never takes a door down; at a stop, requests in hand are answered.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING

from afluente.core.errors import AfluenteError
from afluente.hub.agents_app import agents_app
from afluente.hub.listening import DoorServer, address, door, listen
from afluente.hub.operators_app import operators_app
from afluente.hub.settings import AGENTS_PORT, LOOPBACK, OPERATORS_PORT
from afluente.hub.threads import Threads

if TYPE_CHECKING:
    from afluente.hub.parts import Background, HubParts

_log = logging.getLogger(__name__)
_STOP_SECONDS = 30.0
_AGAIN_SECONDS = 5.0


class HubServer:
    """Listens from the moment it is made; answers from `serve` to `stop`. Port 0 takes a free one. FleetError."""

    def __init__(
        self,
        parts: HubParts,
        *,
        host: str = LOOPBACK,
        agents_port: int = AGENTS_PORT,
        operators_port: int = OPERATORS_PORT,
        operators_host: str = LOOPBACK,
    ) -> None:
        self._parts = parts
        self._agents_socket = listen(host, agents_port)
        try:
            self._operators_socket = listen(operators_host, operators_port)
        except BaseException:
            self._agents_socket.close()
            raise
        self.agents_address = address(self._agents_socket)
        self.operators_address = address(self._operators_socket)
        self._is_stopped = threading.Event()
        self._doors: list[DoorServer] = []
        self._thread: threading.Thread | None = None

    def serve(self) -> None:
        """Answer until `stop`, in this thread."""
        threads = Threads(self._parts.database, self._parts.settings)
        workers = [
            threading.Thread(target=self._work, args=(one,), name=f"hub-{one.name}", daemon=True)
            for one in self._parts.background
        ]
        try:
            for worker in workers:
                worker.start()
            asyncio.run(self._answer(threads))
        finally:
            self._is_stopped.set()
            threads.close()
            for worker in workers:
                worker.join(_STOP_SECONDS)
            self._agents_socket.close()
            self._operators_socket.close()

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread = threading.Thread(target=self.serve, name="hub", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask for the end; waits for it when `start` began it. May be called from a signal."""
        self._is_stopped.set()
        for one in self._doors:
            one.should_exit = True
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    async def _answer(self, threads: Threads) -> None:
        settings = self._parts.settings
        agents = door(agents_app(self._parts, threads), settings)
        operators = door(operators_app(self._parts, threads), settings)
        self._doors = [agents, operators]
        if self._is_stopped.is_set():
            return
        await asyncio.gather(
            agents.serve(sockets=[self._agents_socket]), operators.serve(sockets=[self._operators_socket])
        )

    def _work(self, background: Background) -> None:
        while not self._is_stopped.is_set():
            try:
                background.run(self._is_stopped)
            except AfluenteError as error:
                _log.warning("work beside the doors failed", extra={"work": background.name, "code": error.code})
                self._is_stopped.wait(_AGAIN_SECONDS)
            except Exception:  # noqa: BLE001 - the worker boundary reports whatever is left and goes on
                _log.exception("work beside the doors ended by a defect", extra={"work": background.name})
                self._is_stopped.wait(_AGAIN_SECONDS)
