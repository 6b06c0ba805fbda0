"""Rows a second of each semantic type against libraries in a loop, and of the rule set against two frameworks.

Ours twice: `is_valid`, the verdict alone, which is what the libraries give; and the full cleaning, which also makes
the normalised value, repairs, reasons and counts. The ratio is of verdicts against verdicts.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pyarrow.parquet as pq

from bench.contender import Contender, measure, module
from bench.ours.validators import MISSING
from bench.peers.rule_sets import LIBRARIES as FRAMEWORKS
from bench.peers.validators_in_a_loop import LIBRARIES
from bench.registry import Options
from bench.semantic_values import FORMATS, semantic_values

DEFAULT_ROWS = 2_000_000
SUMMARY = "rows/s of each semantic type, and of the rule set, over the same lists"
IS_VALID = "is_valid"
CLEANING = "cleaning"
_OURS = (IS_VALID, CLEANING)
RULE_SET = "rule set"
_MODULES = {
    "python-stdnum": "stdnum",
    "validate-docbr": "validate_docbr",
    "brutils": "brutils",
    "pandera": "pandera",
    "great-expectations": "great_expectations",
}


def run(options: Options) -> float | None:
    """The least, over the types, of the rows/s of `is_valid` divided by those of the fastest library of the three."""
    values = _values(options)
    speeds: dict[str, dict[str, float]] = {name: {} for name in (*FORMATS, RULE_SET)}
    for contender in _contenders(values):
        if contender.note:
            print(f"  {contender.name:<18} {contender.note}", flush=True)
            continue
        for _ in range(options.repeats):
            taken = measure(contender)
            if taken.failure:
                print(f"  {contender.name:<18} {taken.failure}", flush=True)
                break
            for name, (seconds, _count) in json.loads(taken.output).items():
                fastest_so_far = speeds[name].get(contender.name, 0.0)
                speeds[name][contender.name] = max(fastest_so_far, options.rows / seconds)
            print(
                f"  {contender.name:<18} {taken.peak_memory_bytes / 1e9:.2f} GB peak",
                flush=True,
            )
    return _show(speeds)


def _values(options: Options) -> Path:
    path = options.data / f"semantic-values-s{options.seed}-{options.rows}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(semantic_values(rows=options.rows, seed=options.seed), path)
    return path


def _contenders(values: Path) -> list[Contender]:
    peers = [(name, "bench.peers.validators_in_a_loop") for name in LIBRARIES]
    peers += [(name, "bench.peers.rule_sets") for name in FRAMEWORKS]
    return [
        *(
            Contender(
                name,
                module(program, name, str(values)),
                note="" if importlib.util.find_spec(_MODULES[name]) else "not installed: skipped",
            )
            for name, program in peers
        ),
        *(Contender(what, module("bench.ours.validators_timed", what, str(values)), note=MISSING) for what in _OURS),
    ]


def _show(speeds: dict[str, dict[str, float]]) -> float | None:
    least: dict[str, float] = {}
    for name, by_contender in speeds.items():
        shown = "  ".join(f"{contender} {speed:,.0f}" for contender, speed in by_contender.items())
        peers = [speed for contender, speed in by_contender.items() if contender not in _OURS]
        ratios = {what: by_contender[what] / max(peers) for what in _OURS if peers and what in by_contender}
        told = "".join(f"  ratio of {what} {ratio:.1f}" for what, ratio in ratios.items())
        print(f"  {name:<9} rows/s  {shown}{told}")
        if name != RULE_SET:
            least |= {what: min(ratio, least.get(what, ratio)) for what, ratio in ratios.items()}
    for what, ratio in least.items():
        meaning = "verdicts, as the libraries give" if what == IS_VALID else "values, repairs, reasons and counts too"
        print(f"  least ratio of {what} ({meaning}): {ratio:.1f}")
    return least.get(IS_VALID)
