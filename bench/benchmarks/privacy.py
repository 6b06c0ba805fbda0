"""The release ledger's audit at three sizes, against two new linear programs for each hidden cell at the smallest."""

from __future__ import annotations

import json
from statistics import median

from bench.contender import Contender, Measurement, measure, middle, module
from bench.registry import Options

DEFAULT_ROWS = 20_000
SUMMARY = "bounds of hidden cells from everything told, on one core (rows are cells)"
SIZES = (1_000, 5_000, 20_000)
ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def run(options: Options) -> float | None:
    """The audit's seconds over those of the peer, at the smallest size; both must find the same cells."""
    sizes = [size for size in SIZES if size <= options.rows] or [options.rows]
    taken = {size: _measured("bench.ours.privacy", size, options) for size in sizes}
    for size, runs in taken.items():
        _show("ours", size, runs)
    peer = _measured("bench.peers.two_programs_a_cell", sizes[0], options)
    _show("two LPs a cell", sizes[0], peer)
    ours = taken[sizes[0]]
    if any(one.failure for one in [*ours, *peer]):
        return None
    missed = set(_figures(peer[0])["found"]) - set(_figures(ours[0])["found"])
    if missed:
        print(f"  ours misses {sorted(missed)}")
        return None
    print("  ours finds every cell that the peer finds")
    return _seconds(ours) / _seconds(peer)


def _measured(name: str, cells: int, options: Options) -> list[Measurement]:
    contender = Contender(name, module(name, str(cells), str(options.seed)), ONE_CORE)
    return [measure(contender, memory_limit_bytes=options.memory_limit_bytes) for _ in range(options.repeats)]


def _show(name: str, cells: int, runs: list[Measurement]) -> None:
    taken = middle(runs)
    if taken.failure:
        print(f"  {name:<15} {cells:>6} cells  {taken.failure}", flush=True)
        return
    figures = _figures(taken)
    print(
        f"  {name:<15} {figures['cells']:>6} cells  {figures['hidden']:>6} hidden  {_seconds(runs):8.3f} s"
        f"  {figures['lps']:>6} LPs  {len(figures['found']):>4} found  {taken.peak_memory_bytes / 1e6:6.0f} MB",
        flush=True,
    )


def _figures(taken: Measurement) -> dict[str, object]:
    return json.loads(taken.output.splitlines()[-1])


def _seconds(runs: list[Measurement]) -> float:
    """The median seconds of the audit itself, without making the month."""
    return median(_figures(one)["seconds"] for one in runs)
