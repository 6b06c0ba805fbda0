"""The benchmarks there are: every module of `bench.benchmarks` is one, named as its file.

A benchmark offers `DEFAULT_ROWS: int`, `SUMMARY: str` and `run(options)`: the ratio, or several by name; None when ours is
not there. Invariant: nothing else is edited to add one.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import bench.benchmarks


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks of a benchmark."""

    rows: int
    repeats: int
    seed: int
    data: Path
    memory_limit_bytes: int | None = None
    sites: int | None = None
    minutes: float | None = None


class Benchmark(Protocol):
    """The shape of a module in `bench.benchmarks`."""

    DEFAULT_ROWS: int
    SUMMARY: str

    def run(self, options: Options) -> float | Mapping[str, float | None] | None: ...


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(bench.benchmarks.__path__))


def load(name: str) -> Benchmark:
    return cast("Benchmark", importlib.import_module(f"bench.benchmarks.{name}"))
