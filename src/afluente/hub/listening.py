"""Doors that listen: uvicorn, with the bounds that it does not have.

Invariant: a connection that has not said its request's headers within the time is closed, and so is one above the most
there may be; what still comes of a body after its answer is thrown away, up to a bound, so that the answer arrives.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, ClassVar

import h11
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from afluente.fleet.refusal import FleetError
from afluente_agent.protocol.limits import MAX_CHUNK_BYTES
from afluente_agent.protocol.messages import ErrorAnswer, to_json

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from afluente.hub.settings import HubSettings

MOST_HEADER_BYTES = 32 * 1024
MOST_REST_BYTES = 2 * MAX_CHUNK_BYTES
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
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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
        bounds = settings

    return Guarded


class _GuardedProtocol(H11Protocol):
    bounds: ClassVar[HubSettings]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._header_timer: asyncio.TimerHandle | None = None
        self._rest_timer: asyncio.TimerHandle | None = None
        self._rest_bytes = 0
        self._answered_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.bounds.connections:
            transport.close()
            return
        self._await_headers()

    def data_received(self, data: bytes) -> None:
        is_waiting = self.conn.their_state is h11.IDLE
        if is_waiting and self._header_timer is None:
            self._await_headers()
        if self._is_throwing_away():
            self._rest_bytes += len(data)
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        if self._rest_bytes > MOST_REST_BYTES and not self.transport.is_closing():
            self.transport.close()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._rest_bytes = 0
        if self._is_throwing_away() and not self.transport.is_closing():
            self._unset_keepalive_if_required()
            self._answered_at = self.loop.time()
            self._watch_rest()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - what broke is not told to who broke it
        """Refuse what is no HTTP, in the shape of every other refusal, and close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            answer = to_json(
                ErrorAnswer("bad_http", "o pedido não é HTTP", "the request is not HTTP", int(time.time()))
            )
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(answer)).encode()),
                (b"date", formatdate(usegmt=True).encode()),
                (b"connection", b"close"),
            ]
            for event in (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=answer),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _is_throwing_away(self) -> bool:
        return self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY

    def _watch_rest(self) -> None:
        """Close a connection whose rest of a body comes too slowly, or not at all."""
        if self._rest_timer is not None:
            self._rest_timer.cancel()
            self._rest_timer = None
        if not self._is_throwing_away() or self.transport.is_closing():
            return
        allowed = self.bounds.patience_seconds + self._rest_bytes / self.bounds.least_bytes_per_second
        if self.loop.time() - self._answered_at > allowed:
            self.transport.close()
            return
        self._rest_timer = self.loop.call_later(self.bounds.patience_seconds / 2, self._watch_rest)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        if self._rest_timer is not None:
            self._rest_timer.cancel()
        super().connection_lost(exc)

    def _await_headers(self) -> None:
        self._header_timer = self.loop.call_later(self.bounds.header_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _give_up(self) -> None:
        self._header_timer = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()
