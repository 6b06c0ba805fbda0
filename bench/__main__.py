"""`python -m bench NAME [--rows N]`: ours, the peers and the ratio. The last line is `ratio NAME: X.XX`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.registry import Options, load, names


def main(arguments: list[str] | None = None) -> int:
    """0 when every ratio was measured, 1 when ours is not there or did not finish."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "name",
        nargs="*",
        metavar="NAME",
        help=f"one or more of {', '.join(names())}; all when none",
    )
    parser.add_argument("--rows", type=int, help="rows of data; each benchmark has its own default")
    parser.add_argument(
        "--repeats",
        type=int,
        default=1,
        help="runs of each contender; the median is shown",
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(__file__).parent / "data",
        help="where generated data is kept",
    )
    parser.add_argument("--sites", type=int, help="sites of the rush; a number of its own by default")
    parser.add_argument("--minutes", type=float, help="within which the sites of the rush wake")
    parser.add_argument(
        "--memory-limit-gb",
        type=float,
        help="stop a contender that uses more than this",
    )
    parsed = parser.parse_args(arguments)
    for name in parsed.name:
        if name not in names():
            parser.error(f"no benchmark {name!r}: there are {', '.join(names())}")
    limit = parsed.memory_limit_gb
    ratios: dict[str, float | None] = {}
    for name in parsed.name or names():
        benchmark = load(name)
        options = Options(
            rows=parsed.rows or benchmark.DEFAULT_ROWS,
            repeats=parsed.repeats,
            seed=parsed.seed,
            data=parsed.data,
            memory_limit_bytes=int(limit * 1e9) if limit else None,
            sites=parsed.sites,
            minutes=parsed.minutes,
        )
        print(f"{name}: {benchmark.SUMMARY}", flush=True)
        measured = benchmark.run(options)
        ratios |= measured if isinstance(measured, Mapping) else {name: measured}
        print(flush=True)
    for name, ratio in ratios.items():
        print(f"ratio {name}: {'ours is not there' if ratio is None else f'{ratio:.2f}'}")
    return 1 if None in ratios.values() else 0


if __name__ == "__main__":
    sys.exit(main())
