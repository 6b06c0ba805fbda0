"""The rush at eight: every site wakes within minutes, and a bystander reads from the central database meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.registry import Options
from afluente.demo.transmissor.rush import database as central
from afluente.demo.transmissor.rush.bystander import Bystander
from afluente.demo.transmissor.rush.enrolled import enrol
from afluente.demo.transmissor.rush.hub_process import HUB_NICENESS
from afluente.demo.transmissor.rush.lists import LIST, changed_rows, site_name, values

DEFAULT_ROWS = 200
DEFAULT_SITES = 5571
DEFAULT_MINUTES = 5.0
SUMMARY = "all sites send at once: a bystander's p95 and the WAL, ours against everybody writing directly"
IDLE_SHARE = 0.1
LEAST_IDLE_SECONDS = 6.0
PATIENCE_SECONDS = 900


def run(options: Options) -> Mapping[str, float | None]:
    """bystander_p95: ours over idle. wal: the present pattern over ours. `rows` are those of each site."""
    sites = options.sites or DEFAULT_SITES
    seconds = (options.minutes or DEFAULT_MINUTES) * 60
    options.data.mkdir(parents=True, exist_ok=True)
    with (
        central.server(options.data) as dsn,
        tempfile.TemporaryDirectory(dir=options.data, prefix="rush-hub-") as folder,
    ):
        report = asyncio.run(_measure(dsn, Path(folder), sites, options.rows, seconds))
    out = options.data / "rush.json"
    out.write_text(json.dumps(report))
    _show(report, out)
    if not report["is_exactly_once"]:
        return {"bystander_p95": None, "wal": None}
    p95 = report["p95_ms"]
    return {
        "bystander_p95": p95["ours"] / p95["idle"],
        "wal": report["wal_bytes"]["present"] / report["wal_bytes"]["ours"],
    }


async def _measure(dsn: str, folder: Path, sites: int, rows: int, seconds: float) -> dict[str, Any]:
    import asyncpg

    began = time.perf_counter()
    await central.seed(dsn, sites=sites, rows=rows)
    enrol(folder, sites)
    print(
        f"  {sites} sites of {rows} rows, {changed_rows(rows)} changed; made in {time.perf_counter() - began:.0f} s",
        flush=True,
    )
    watched, control = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    bystander = Bystander(watched)
    report: dict[str, Any] = {"sites": sites, "rows": rows, "wake_seconds": seconds, "wal_bytes": {}, "seconds": {}}
    try:
        hub = _start("afluente.demo.transmissor.rush.hub_process", str(folder), dsn, stdin=subprocess.PIPE)
        assert hub.stdout is not None
        try:
            address = (await asyncio.to_thread(hub.stdout.readline)).strip()
            await control.execute("CHECKPOINT")
            await bystander.watch_during("idle", asyncio.sleep(max(LEAST_IDLE_SECONDS, seconds * IDLE_SHARE)))
            before, table_before = await central.wal_bytes(control), await central.table_bytes(control, LIST)
            hub_cpu = _cpu_seconds(hub.pid)
            agents = _start("afluente.demo.transmissor.rush.agents", address, str(sites), str(rows), str(seconds))
            took = await bystander.watch_during("ours", _until_loaded(control, agents, 2 * sites))
            report["seconds"]["ours"] = took
            report["wal_bytes"]["ours"] = await central.wal_bytes(control) - before
            report["hub_cpu_seconds"] = _cpu_seconds(hub.pid) - hub_cpu
            report["agents"] = json.loads(await _ended(agents))
            report["agents_share_of_machine"] = report["agents"]["cpu_seconds"] / took / (os.cpu_count() or 1)
            report["table_grew_bytes"] = {"ours": await central.table_bytes(control, LIST) - table_before}
        finally:
            with suppress(BrokenPipeError):
                hub.communicate(timeout=60)
        await bystander.watch_during("idle_again", asyncio.sleep(max(LEAST_IDLE_SECONDS, seconds * IDLE_SHARE)))
        report |= await _count(control, sites, rows)
        await control.execute("CHECKPOINT")
        before, table_before = await central.wal_bytes(control), await central.table_bytes(control, central.PRESENT)
        present = _start("afluente.demo.transmissor.rush.present_agents", dsn, "0", str(sites), str(rows), str(seconds))
        report["seconds"]["present"] = await bystander.watch_during("present", _ended(present))
        report["wal_bytes"]["present"] = await central.wal_bytes(control) - before
        report["table_grew_bytes"]["present"] = await central.table_bytes(control, central.PRESENT) - table_before
    finally:
        await watched.close()
        await control.close()
    report["p95_ms"] = {
        "idle": bystander.p95("idle", "idle_again"),
        "ours": bystander.p95("ours"),
        "present": bystander.p95("present"),
    }
    report["latency"] = bystander.seen
    return report


async def _until_loaded(control: Any, agents: subprocess.Popen[str], expected: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while await control.fetchval("SELECT count(*) FROM afluente_loads") < expected:
        if time.monotonic() > deadline or agents.poll() not in (None, 0):
            agents.terminate()
            raise RuntimeError("the transmissions did not all arrive")
        await asyncio.sleep(1)


async def _count(control: Any, sites: int, rows: int) -> dict[str, Any]:
    """Whether every transmission is there once, and the central table holds what the sites hold."""
    doubles = await control.fetchval(
        "SELECT count(*) FROM (SELECT site FROM afluente_loads WHERE kind = 'delta' GROUP BY site HAVING count(*) <> 1) AS d"
    )
    updated = await control.fetchval("SELECT sum(updated) FROM afluente_loads WHERE kind = 'delta'")
    arrived = await control.fetchval("SELECT count(*) FROM afluente_loads WHERE kind = 'delta'")
    held = await control.fetch(f"SELECT site, c01, c39 FROM {LIST}")
    wrong = len(held) - sites * rows
    found = {(row[0], row[1]): row[2] for row in held}
    for number in range(sites):
        for row in range(rows):
            cells = values(site_name(number), row, day=1, rows=rows)
            wrong += found.get((site_name(number), cells[0])) != cells[-1]
    is_exact = doubles == 0 and arrived == sites and wrong == 0 and updated == sites * changed_rows(rows)
    return {"arrived": arrived, "arrived_twice": doubles, "wrong_rows": wrong, "is_exactly_once": is_exact}


def _start(module: str, *arguments: str, stdin: int | None = subprocess.DEVNULL) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", module, *arguments],
        stdin=stdin, stdout=subprocess.PIPE, text=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip


async def _ended(process: subprocess.Popen[str]) -> str:
    output, _ = await asyncio.to_thread(process.communicate)
    if process.returncode:
        raise RuntimeError(f"a process of the rush ended with status {process.returncode}")
    return output.splitlines()[-1]


def _cpu_seconds(pid: int) -> float:
    """User and system seconds of a process so far; 0 where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _show(report: Mapping[str, Any], out: Path) -> None:
    p95, wal, agents = report["p95_ms"], report["wal_bytes"], report["agents"]
    print(
        f"  arrived {report['arrived']} of {report['sites']}, {report['arrived_twice']} twice, {report['wrong_rows']} rows wrong"
    )
    print(
        f"  bystander p95: idle {p95['idle']:.2f} ms, ours {p95['ours']:.2f} ms, present pattern {p95['present']:.2f} ms"
    )
    print(f"  present pattern over ours, bystander p95: {p95['present'] / p95['ours']:.2f}")
    for name, one in (("ours", "ours"), ("present", "present pattern")):
        grew = report["table_grew_bytes"][name] / 1e6
        print(f"  {one}: {report['seconds'][name]:.1f} s, {wal[name] / 1e6:.2f} MB of WAL, table grew by {grew:.2f} MB")
    print(
        f"  agents: {agents['requests']} requests, {agents['cpu_seconds']:.1f} CPU s at the lowest priority, "
        f"{report['agents_share_of_machine']:.1%} of {os.cpu_count()} cores; hub {report['hub_cpu_seconds']:.1f} CPU s at niceness {HUB_NICENESS}"
    )
    print(
        f"  waited for a slot: median {agents['wait_median_seconds']:.1f} s, longest {agents['wait_longest_seconds']:.1f} s; "
        f"refusals {agents['refusals'] or 'none'}"
    )
    print(f"  latency over time: {out}")
