"""One list of one site, a day later: our load against the present pattern, on the same rows of the same server."""

from __future__ import annotations

import asyncio
import hashlib
import io
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

from bench.registry import Options
from afluente.demo.transmissor.rush import database as central
from afluente.demo.transmissor.rush.lists import (
    COLUMNS,
    LIST,
    SCHEMA,
    base_id,
    changed_rows,
    delta,
    packed,
    site_name,
    values,
)
from afluente.demo.transmissor.rush.present_agents import replace_all

DEFAULT_ROWS = 15_030
SUMMARY = "a list of 39 columns, 1% changed: WAL and seconds, ours against DELETE all + INSERT + UPDATE all"


def run(options: Options) -> Mapping[str, float | None]:
    """loading: our seconds over the present pattern's. wal_of_a_load: the present pattern's WAL over ours."""
    options.data.mkdir(parents=True, exist_ok=True)
    with central.server(options.data) as dsn:
        measured = asyncio.run(_measure(dsn, options.rows))
    for name, one in measured.items():
        print(
            f"  {name:<16} {one['seconds']:6.2f} s  {options.rows / one['seconds']:>9.0f} rows/s  "
            f"{one['wal'] / 1e6:7.2f} MB of WAL  table grew by {one['grew'] / 1e6:6.2f} MB"
        )
    present = measured["present pattern"]
    return {
        "loading": measured["whole list"]["seconds"] / present["seconds"],
        "wal_of_a_load": present["wal"] / measured["whole list"]["wal"],
        "wal_of_a_delta": present["wal"] / measured["delta"]["wal"],
    }


async def _measure(dsn: str, rows: int) -> dict[str, dict[str, float]]:
    import asyncpg

    from afluente.fleet.central import Central

    site, other = site_name(0), site_name(1)
    await central.seed(dsn, sites=2, rows=rows)
    control = await asyncpg.connect(dsn)
    measured = {}
    try:
        async with Central(dsn) as opened:
            for name, kind, owner in (("whole list", "full", site), ("delta", "delta", other)):
                count, content = delta(owner, rows) if kind == "delta" else _whole(owner, rows)

                async def load(
                    kind: str = kind, owner: str = owner, count: int = count, content: bytes = content
                ) -> None:
                    merged = await opened.load(
                        _transmission(owner, kind, count, content), _pieces(content), at=datetime.now(UTC)
                    )
                    if (merged.inserted, merged.updated, merged.deleted) != (0, changed_rows(rows), 0):
                        raise AssertionError(f"the load changed {merged}")

                measured[name] = await _timed(control, LIST, load)

        today = [values(site, row, day=1, rows=rows)[1:] for row in range(rows)]

        async def present() -> None:
            async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool, pool.acquire() as connection:
                await replace_all(connection, site, today)

        measured["present pattern"] = await _timed(control, central.PRESENT, present)
    finally:
        await control.close()
    return measured


async def _timed(control: Any, table: str, work: Any) -> dict[str, float]:
    await control.execute("CHECKPOINT")
    wal, size = await central.wal_bytes(control), await central.table_bytes(control, table)
    began = time.perf_counter()
    await work()
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "wal": await central.wal_bytes(control) - wal,
        "grew": await central.table_bytes(control, table) - size,
    }


def _whole(site: str, rows: int) -> tuple[int, bytes]:
    return packed("full", [values(site, row, day=1, rows=rows) for row in range(rows)])


def _transmission(site: str, kind: str, count: int, content: bytes) -> Any:
    from afluente.fleet.transmission import Transmission

    return Transmission(
        id=str(uuid.uuid4()), site=site, agent="", list_name=LIST, kind=kind, base=base_id(site) if kind == "delta" else "",
        rows=count, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), schema=SCHEMA, columns=COLUMNS,
        catalogue_version=1, extracted_at=0, started_at=datetime.now(UTC), landed_path="", attempts=1,
    )  # fmt: skip


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    from afluente.fleet.landed import unpacked

    for piece in unpacked(io.BytesIO(content), columns=len(COLUMNS), size_bytes=len(content)):
        yield piece
