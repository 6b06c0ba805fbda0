"""One month of sales let through the privacy gate, by day and by month, with the ledger's audit."""

from __future__ import annotations

import json

from afluente.cli.main import ONE_THREAD
from bench.contender import Contender, measure, middle, module
from bench.month_of_sales import project
from bench.registry import Options

DEFAULT_ROWS = 5_000_000
SUMMARY = "a month's sales through the privacy gate, against the 15 s and 2 GB a release may take"
LIMIT_SECONDS = 15.0


def run(options: Options) -> float | None:
    """The seconds taken over those allowed; nothing else does this job."""
    folder = project(options.data, rows=options.rows, seed=options.seed)
    contender = Contender("gate", module("bench.ours.gate", str(folder)), {ONE_THREAD: "1"})
    taken = middle([measure(contender, memory_limit_bytes=options.memory_limit_bytes) for _ in range(options.repeats)])
    if taken.failure:
        print(f"  {taken.failure}")
        return None
    for name, one in json.loads(taken.output.splitlines()[-1]).items():
        print(
            f"  {name:<11} {one['seconds']:6.2f} s  {one['cells']:>7} cells  {one['rows']:>6} rows  "
            f"{one['findings']} findings  revenue visible {one['visible']:.1%}, by city {one['by_city']:.1%}, "
            f"by state {one['by_state']:.1%}"
        )
    print(
        f"  both        {taken.seconds:6.2f} s  {taken.cpu_seconds:.2f} CPU s  {taken.peak_memory_bytes / 1e6:.0f} MB"
    )
    return taken.seconds / LIMIT_SECONDS
