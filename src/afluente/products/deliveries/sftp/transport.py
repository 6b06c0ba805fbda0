"""A TCP connection that hands the packets of one turn of the loop to the system together.

asyncssh writes each SSH packet by itself, and an empty one before each; sent one by one they cost more than their
encryption. Invariant: bytes keep their order, and none waits longer than the turn in which it was written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

FLUSH_BYTES = 256 * 1024


class Gathered(asyncio.Transport):
    """Wraps a transport; only writing differs."""

    def __init__(self, inner: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._inner = inner
        self._loop = loop
        self._waiting: list[bytes | bytearray | memoryview] = []
        self._waiting_bytes = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._waiting:
            self._loop.call_soon(self.flush)
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand over what waits."""
        if self._waiting:
            gathered = b"".join(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            self._inner.write(gathered)

    def close(self) -> None:
        self.flush()
        self._inner.close()

    def abort(self) -> None:
        self._waiting.clear()
        self._inner.abort()

    def is_closing(self) -> bool:
        return self._inner.is_closing()

    def pause_reading(self) -> None:
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        self._inner.resume_reading()

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._inner.get_extra_info(name, default)


class _Relay(asyncio.Protocol):
    """Stands between the socket and asyncssh's connection."""

    def __init__(self, connection: asyncio.Protocol) -> None:
        self.connection = connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        gathered = Gathered(cast("asyncio.Transport", transport), asyncio.get_running_loop())
        self.connection.connection_made(gathered)

    def data_received(self, data: bytes) -> None:
        self.connection.data_received(data)

    def eof_received(self) -> bool | None:
        return self.connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.connection.connection_lost(exc)


class GatheringConnector:
    """What asyncssh takes as `tunnel`: opens a plain TCP connection with such a transport."""

    async def create_connection(
        self, session_factory: Callable[[], asyncio.Protocol], remote_host: str, remote_port: int
    ) -> tuple[asyncio.BaseTransport, asyncio.Protocol]:
        loop = asyncio.get_running_loop()
        transport, relay = await loop.create_connection(lambda: _Relay(session_factory()), remote_host, remote_port)
        return transport, relay.connection
