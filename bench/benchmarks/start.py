"""How long `afluente --help` takes beside a bare interpreter, and `afluente run` with nothing new."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench.contender import Contender, Measurement, measure, middle
from bench.registry import Options
from bench.report import show_measurements

DEFAULT_ROWS = 1_000
SUMMARY = "afluente --help against python -c pass, and afluente run with nothing new"
TIMES = 20


def run(options: Options) -> float | None:
    """The median seconds of `--help` over those of `python -c pass`."""
    script = Path(sys.executable).with_name("afluente")
    python = Contender("python", [sys.executable, "-c", "pass"])
    if not script.exists():
        show_measurements({"python -c pass": middle(_measured([python])[0])})
        print(f"  ours is not there: no {script.name} script beside {Path(sys.executable).name}")
        return None
    helps = Contender("help", [str(script), "--help"])
    bare, ours = _measured([python, helps])
    measured = {"python -c": middle(bare), "--help": middle(ours)}
    show_measurements(measured)
    _nothing_new(script, options)
    if measured["--help"].failure:
        return None
    return measured["--help"].seconds / measured["python -c"].seconds


def _measured(contenders: list[Contender]) -> list[list[Measurement]]:
    """Each contender warmed once and then run TIMES times, taking turns."""
    for contender in contenders:
        measure(contender)
    turns = [[measure(contender) for contender in contenders] for _ in range(TIMES)]
    return [list(runs) for runs in zip(*turns, strict=True)]


def _nothing_new(script: Path, options: Options) -> None:
    """Adapter: a project from `afluente init`, run once with its data, then run again with nothing new."""
    with tempfile.TemporaryDirectory(prefix="afluente-start-") as folder:
        made = measure(Contender("init", [str(script), "-C", folder, "init", "parado"]))
        if made.failure:
            print(f"  run          not measured: afluente init: {made.failure}")
            return
        project = Path(folder) / "parado"
        again = Contender("run", [str(script), "-C", str(project), "run"])
        first = measure(again)
        if first.failure:
            print(f"  run          not measured: {first.failure}")
            shutil.rmtree(project, ignore_errors=True)
            return
        runs = [measure(again) for _ in range(max(3, options.repeats))]
        print(f"  run, nothing new: {median(r.seconds for r in runs):.3f} s (first run {first.seconds:.3f} s)")
