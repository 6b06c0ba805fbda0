"""A contender is measured in a process of its own, its children included."""

from __future__ import annotations

import sys

import pytest

from bench.__main__ import main
from bench.contender import Contender, measure, middle
from bench.registry import load, names

HOLD = "import time; held = bytearray(120_000_000); held[::4096] = b'x' * len(held[::4096]); time.sleep({seconds})"


def test_peak_memory_includes_the_children() -> None:
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLD.format(seconds=0.4)!r}], check=True)"
    assert measure(Contender("child", [sys.executable, "-c", child])).peak_memory_bytes > 120_000_000


def test_output_seconds_and_cpu_seconds_are_kept() -> None:
    taken = measure(Contender("sum", [sys.executable, "-c", "print(sum(range(2_000_000)))"]))
    assert taken.output.strip() == "1999999000000"
    assert taken.seconds > 0
    assert taken.cpu_seconds > 0
    assert not taken.failure


def test_a_contender_that_fails_says_why() -> None:
    taken = measure(Contender("broken", [sys.executable, "-c", "raise SystemExit('no such table')"]))
    assert "no such table" in taken.failure


def test_a_contender_over_the_memory_limit_is_stopped() -> None:
    taken = measure(Contender("hungry", [sys.executable, "-c", HOLD.format(seconds=90)]), memory_limit_bytes=60_000_000)
    assert "used more than" in taken.failure


def test_the_middle_of_three_runs_is_their_median() -> None:
    runs = [measure(Contender("pass", [sys.executable, "-c", "pass"])) for _ in range(3)]
    assert middle(runs).seconds == sorted(run.seconds for run in runs)[1]


def test_each_benchmark_file_is_a_name() -> None:
    assert {"conform", "start", "validators"} <= set(names())
    for name in names():
        assert load(name).DEFAULT_ROWS > 0
        assert load(name).SUMMARY


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nothing"])
    assert "conform" in capsys.readouterr().err
