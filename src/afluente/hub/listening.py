"""Doors that listen: uvicorn, with the bounds that it does not have.

Invariant: a connection that has not said its request's headers within the time is closed, and so is one above the most
there may be; a door answers before it is told to be ready.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import h11
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from afluente.fleet.refusal import FleetError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from afluente.hub.settings import HubSettings

MOST_HEADER_BYTES = 32 * 1024
_BACKLOG = 4096


class DoorServer(Server):
    """A server that leaves the process's signals to who runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def door(app: ASGIApp, settings: HubSettings) -> DoorServer:
    """A server for one app; it listens on the socket that `serve` is given."""
    config = Config(
        app,
        http=_protocol(settings),
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=int(settings.idle_seconds),
        timeout_graceful_shutdown=10,
        h11_max_incomplete_event_size=MOST_HEADER_BYTES,
        backlog=_BACKLOG,
    )
    return DoorServer(config)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one. FleetError when it cannot."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
            listening.listen(_BACKLOG)
            listening.setblocking(False)
        except BaseException:
            listening.close()
            raise
    except OSError as error:
        raise FleetError(
            "hub.cannot_listen",
            f"{host}:{port} cannot be listened on: {error.strerror}",
            hint="choose another port with --agents-port or --operators-port",
        ) from error
    return listening


def address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _protocol(settings: HubSettings) -> type[H11Protocol]:
    class Guarded(_GuardedProtocol):
        header_seconds = settings.header_seconds
        most_connections = settings.connections

    return Guarded


class _GuardedProtocol(H11Protocol):
    header_seconds: ClassVar[float]
    most_connections: ClassVar[int]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            transport.close()
            return
        self._await_headers()

    def data_received(self, data: bytes) -> None:
        is_waiting = self.conn.their_state is h11.IDLE
        if is_waiting and self._header_timer is None:
            self._await_headers()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_headers(self) -> None:
        self._header_timer = self.loop.call_later(self.header_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _give_up(self) -> None:
        self._header_timer = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()
