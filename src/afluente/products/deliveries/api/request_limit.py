"""A limit on the whole time of one request: timeouts bound each read, and a server may send a byte at a time for ever.

Invariant: when the limit is reached the request's own socket is shut down, whatever it waits for.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Protocol, cast, runtime_checkable


@runtime_checkable
class _Stream(Protocol):
    def get_extra_info(self, info: str) -> object: ...


class RequestLimit:
    """Its `trace` goes into the request's extensions. Source: httpcore, "Extensions", `trace`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.is_reached = False

    def trace(self, event: str, info: Mapping[str, object]) -> None:
        """Called with each step of the request; a connected stream is kept."""
        if event not in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            return
        stream = info.get("return_value")
        if isinstance(stream, _Stream):
            with self._lock:
                self._socket = cast("socket.socket | None", stream.get_extra_info("socket"))
            if self.is_reached:
                self._shut()

    @contextlib.contextmanager
    def of(self, seconds: float) -> Iterator[None]:
        """Shut the connection down when the block takes longer."""
        timer = threading.Timer(seconds, self._reach)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _reach(self) -> None:
        self.is_reached = True
        self._shut()

    def _shut(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)
