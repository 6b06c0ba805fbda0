"""The present pattern: every site writes into the central database itself, everything, at the moment it wakes.

`python -m afluente.demo.transmissor.rush.present_agents DSN FIRST SITES ROWS SECONDS`: the sites from a first one on, for
several processes to share them. They are spared the refusals of a full server: a pool keeps the sites waiting instead. One site's values stand for all, so that making them takes no time.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import sys
from datetime import UTC, datetime
from typing import Any

from afluente.demo.transmissor.rush.database import PRESENT, YESTERDAY
from afluente.demo.transmissor.rush.lists import COLUMNS, site_name, values

MOST_CONNECTIONS = 28


async def replace_all(connection: Any, site: str, cells: list[list[str]]) -> None:
    """Everything of a site: deleted, inserted, updated."""
    marks = ", ".join(f"${place}" for place in range(1, len(COLUMNS) + 3))
    insert = f"INSERT INTO {PRESENT} (site, updated_at, {', '.join(COLUMNS)}) VALUES ({marks})"
    today = [(site, YESTERDAY, f"{site}{row:07}", *others) for row, others in enumerate(cells)]
    async with connection.transaction():
        await connection.execute(f"DELETE FROM {PRESENT} WHERE site = $1", site)
        await connection.executemany(insert, today)
        await connection.execute(f"UPDATE {PRESENT} SET updated_at = $2 WHERE site = $1", site, datetime.now(UTC))


async def rush(dsn: str, first: int, sites: int, rows: int, seconds: float) -> None:
    import asyncpg

    chance = random.Random(first)  # noqa: S311 - the same rush each time

    cells = [values(site_name(0), row, day=1, rows=rows)[1:] for row in range(rows)]

    async def wake(pool: asyncpg.Pool, number: int, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        async with pool.acquire() as connection:
            await replace_all(connection, site_name(number), cells)

    async with asyncpg.create_pool(dsn, min_size=1, max_size=MOST_CONNECTIONS) as pool, asyncio.TaskGroup() as group:
        for number in range(first, first + sites):
            group.create_task(wake(pool, number, chance.uniform(0, seconds)))


def main(dsn: str, first: int, sites: int, rows: int, seconds: float) -> None:
    os.nice(19)
    asyncio.run(rush(dsn, first, sites, rows, seconds))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu_seconds": usage.ru_utime + usage.ru_stime}))  # noqa: T201 - read by who started it


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
