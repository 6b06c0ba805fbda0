"""Bronze to silver, quarantine, repair counts and gold, against the same job by hand in Polars and in DuckDB."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from bench.contender import Contender, Measurement, measure, middle, module
from bench.ours.conform import MISSING
from bench.outcome import Outcome, read_outcome
from bench.registry import Options
from bench.report import fastest, show_measurements
from bench.vendas import bronze

DEFAULT_ROWS = 10_000_000
SUMMARY = "dirty bronze to silver + quarantine + repairs + gold, as Delta"
WARM_UP_ROWS = 20_000
OURS = "ours"
SHARE = 0.6
"""Of the machine's memory, what the engine takes when it is not told."""


def run(options: Options) -> float | None:
    """The seconds of ours over those of the fastest peer; every contender must leave equal tables."""
    source = bronze(options.data, rows=options.rows, seed=options.seed)
    small = bronze(options.data, rows=WARM_UP_ROWS, seed=options.seed)
    _warm(source)
    with tempfile.TemporaryDirectory(dir=options.data, prefix="out-") as scratch:
        out = Path(scratch)
        for contender in _contenders(small, out / "warm", options.memory_limit_bytes):
            if not contender.note:
                measure(contender)
        contenders = [c for c in _contenders(source, out / "measured", options.memory_limit_bytes) if not c.note]
        taken: dict[str, list[Measurement]] = {c.name: [] for c in contenders}
        outcomes: dict[str, Outcome] = {}
        for turn in range(options.repeats):
            for contender in contenders if turn % 2 == 0 else reversed(contenders):
                shutil.rmtree(out / "measured" / contender.name, ignore_errors=True)
                taken[contender.name].append(measure(contender, memory_limit_bytes=options.memory_limit_bytes))
                if turn == 0 and not taken[contender.name][0].failure:
                    outcomes[contender.name] = read_outcome(out / "measured" / contender.name)
    measured = {name: middle(runs) for name, runs in taken.items()}
    show_measurements(measured, rows=options.rows)
    for contender in _contenders(source, out, options.memory_limit_bytes):
        if contender.note:
            print(f"  {contender.name:<12} {contender.note}")
    are_equal = _show_outcomes(outcomes)
    best = fastest(measured, but=OURS)
    if OURS not in measured or measured[OURS].failure or best is None or not are_equal:
        return None
    return measured[OURS].seconds / measured[best].seconds


def _contenders(source: Path, out: Path, memory_limit_bytes: int | None) -> list[Contender]:
    """Ours is told of a machine's memory as it would find it there: the engine takes its default share."""

    def command(name: str, program: str, *more: str) -> list[str]:
        return module(program, str(source), str(out / name), *more)

    engine = [f"{int(memory_limit_bytes * SHARE) >> 20}MiB"] if memory_limit_bytes else []

    return [
        Contender("polars", command("polars", "bench.peers.conform_polars")),
        Contender("duckdb", command("duckdb", "bench.peers.conform_duckdb")),
        Contender(OURS, command(OURS, "bench.ours.conform", *engine), note=MISSING),
    ]


def _warm(source: Path) -> None:
    """Bring the bronze files into the page cache."""
    for file in source.glob("*.parquet"):
        with file.open("rb") as content:
            while content.read(1 << 24):
                pass


def _show_outcomes(outcomes: dict[str, Outcome]) -> bool:
    """Say what was left behind, and whether it is the same for all."""
    if not outcomes:
        return False
    (first_name, first), *others = outcomes.items()
    print(
        f"  silver {first.silver_rows} rows, quarantine {first.quarantine_rows} rows, repairs {dict(first.repairs)},"
        f" gold {first.gold_rows} rows, revenue {first.revenue}"
    )
    unequal = {name: differing for name, outcome in others if (differing := first.differences(outcome))}
    for name, differing in unequal.items():
        print(f"  {name} differs from {first_name} in {', '.join(differing)}")
    if not unequal:
        print(f"  equal tables: {', '.join(outcomes)}")
    return not unequal
