"""A partner's API on 127.0.0.1, on the standard library's server.

Invariant: nothing outlives `close`; a request's body and time are bounded.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from afluente.demo.loopback.partner_behaviour import Answered, Asked, Fault, Login, PartnerBehaviour

MAX_BODY_BYTES = 64 * 1024**2
_IDLE_SECONDS = 10


class PartnerApi:
    """Listens from the moment it is made, on a free port. Close it, or use it in a `with`."""

    def __init__(
        self,
        received: Path,
        *,
        login: Login | None = None,
        faults: Sequence[Fault] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.behaviour = PartnerBehaviour(received, login=login, faults=faults)
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self.behaviour, self._closing)
        self._scheme = "http" if tls is None else "https"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="partner-api")
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where chunks are posted."""
        return f"{self._scheme}://127.0.0.1:{self.port}/releases"

    @property
    def token_url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}/token"

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def __init__(self, address: tuple[str, int], behaviour: PartnerBehaviour, closing: threading.Event) -> None:
        self.behaviour, self.closing = behaviour, closing
        super().__init__(address, _Handler)

    def handle_error(self, *_about: object) -> None:
        """A sender that was killed cut its connection; that is what this server is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    server: _Server

    def do_POST(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_OPTIONS(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """The partner's log is `PartnerBehaviour.seen`."""

    def _answer(self) -> None:
        written = self.headers.get("Content-Length", "0")
        size_bytes = int(written) if written.isascii() and written.isdigit() else MAX_BODY_BYTES + 1
        if size_bytes > MAX_BODY_BYTES:
            self.close_connection = True
            self._send(Answered(HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
            return
        body = self.rfile.read(size_bytes)
        if len(body) < size_bytes:
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        answered = self.server.behaviour.answer(Asked(self.command, self.path, headers, body))
        if answered.hang_seconds:
            self.server.closing.wait(answered.hang_seconds)
        if answered.is_sent:
            for _ in range(answered.copies):
                self._send(answered)
        else:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, answered: Answered) -> None:
        self.send_response(answered.status)
        headers = {"Content-Type": "application/json", **answered.headers}
        if answered.status != HTTPStatus.NO_CONTENT:
            headers["Content-Length"] = str(len(answered.body))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answered.body)
