"""One list read by the agent: `python -m bench.ours.fleet_extract SOCKET_FOLDER PORT DATABASE FOLDER NAME [--confirm]`.

All that a first reading does is in the time: role, guard, hashes, map, packing, the file on the disk.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from bench.fleet_list import the_list


class FileSink:
    """A file in the place of the spool."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("wb")

    def write(self, packed: bytes) -> None:
        self.file.write(packed)

    def abort(self) -> None:
        self.file.close()

    def commit(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()


async def read(host: str, port: str, database: str, folder: Path, name: str) -> None:
    from afluente_agent.delta import DeltaStore
    from afluente_agent.extract import Reading, extract
    from afluente_agent.pec import PecAddress, connected

    store = DeltaStore(folder / "deltas")
    sink = FileSink(folder / f"{name}.zst")
    started = time.perf_counter()
    async with connected(PecAddress(host, "leitura", int(port), database)) as connection:
        found = await extract(connection, the_list(), sink, Reading(name, store, ()))
    sink.commit()
    store.confirm(found.list_name, name)
    print(found.kind, found.read_rows, found.rows, found.size_bytes, f"{time.perf_counter() - started:.3f}")


if __name__ == "__main__":
    host, port, database, folder, name = sys.argv[1:]
    asyncio.run(read(host, port, database, Path(folder), name))
