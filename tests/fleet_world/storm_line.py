"""The line between an agent and the hub: a proxy on loopback that passes bytes on, and can be as bad as lines are.

ok            passes everything on
drop          resets the connection in the middle of what is said
half_open     takes everything, passes nothing on and never answers
slow          56 kbit/s each way
answer_lost   the hub hears the request; the connection is reset instead of its answer
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

Mode = Literal["ok", "drop", "half_open", "slow", "answer_lost"]
BYTES_PER_SECOND = 56_000 / 8
SLOW_BYTES = 700
PIECE_BYTES = 16 * 1024
RESET = struct.pack("ii", 1, 0)


class Line:
    """The line of one site. `felt` counts what the mode of the moment did to somebody."""

    def __init__(self, hub_ports: Callable[[], list[int]], chance: random.Random) -> None:
        self._hub_ports = hub_ports
        self._chance = chance
        self._mode: Mode = "ok"
        self.felt = 0
        self.carried_bytes = 0
        self.connections = 0
        self._talks: set[asyncio.Task[None] | None] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda *_: None)
        self._thread = threading.Thread(target=self._run, name=f"line-{self.port}", daemon=True)
        self._thread.start()

    @property
    def mode(self) -> Mode:
        return self._mode

    def become(self, mode: Mode) -> None:
        self.felt = 0
        self._mode = mode

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._listener.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._talk, sock=self._listener))
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        self._talks.add(talk)
        try:
            await self._carry(reader, writer)
        finally:
            self._talks.discard(talk)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        ports = self._hub_ports()
        try:
            hub_reader, hub_writer = await asyncio.open_connection("127.0.0.1", self._chance.choice(ports))
        except (OSError, IndexError):
            _reset(writer)
            return
        pumps = [
            asyncio.create_task(self._pump(reader, hub_writer, is_answer=False)),
            asyncio.create_task(self._pump(hub_reader, writer, is_answer=True)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for one in (writer, hub_writer):
                _reset(one)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
        """Returns when one side ends, or the line resets."""
        with suppress(ConnectionError):
            while piece := await reader.read(PIECE_BYTES):
                match self._mode:
                    case "drop":
                        writer.write(piece[: self._chance.randint(0, len(piece))])
                        await writer.drain()
                        self.felt += 1
                        return
                    case "half_open":
                        self.felt += 1
                        continue
                    case "answer_lost" if is_answer:
                        self.felt += 1
                        return
                    case "slow":
                        await self._drip(piece, writer)
                    case _:
                        writer.write(piece)
                        await writer.drain()
                self.carried_bytes += len(piece)
            if self._mode != "half_open":
                return
        await asyncio.Event().wait() if self._mode == "half_open" else None

    async def _drip(self, piece: bytes, writer: asyncio.StreamWriter) -> None:
        for start in range(0, len(piece), SLOW_BYTES):
            part = piece[start : start + SLOW_BYTES]
            await asyncio.sleep(len(part) / BYTES_PER_SECOND)
            writer.write(part)
            await writer.drain()
            self.felt += 1


def _reset(writer: asyncio.StreamWriter) -> None:
    connected = writer.get_extra_info("socket")
    if connected is not None:
        with suppress(OSError):
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
