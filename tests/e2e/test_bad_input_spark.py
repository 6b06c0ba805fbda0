"""Bad input through Spark Connect (Sail): the codes, the hints and the untouched tables that DuckDB gives."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loja import assert_equal, finish, start, tables

from tests.e2e.test_bad_input import (
    CASES,
    HEADER,
    Run,
    assert_told,
    assert_told_and_kept,
    banca,
    contract,
    made_in,
    more,
    run,
    settings,
)
from tests.e2e.test_grown_spark import sail
from tests.spark_server import SAIL, spark_server

__all__ = ["banca", "run", "sail"]
OF_THE_STATE = {"a state that is garbage", "a workflow history that is garbage", "a secret that is not set"}


@pytest.fixture(scope="module")
def ran(sail: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project of the tests on DuckDB, run once by Sail."""
    yield made_in(tmp_path_factory.mktemp("ran_spark") / "banca", engine=f'{{spark: "{sail}"}}')


def as_root_on_a_read_only(lake: Path) -> bool:
    """Mount a folder read-only over itself, where that can be done."""
    for words in (["mount", "--bind", str(lake), str(lake)], ["mount", "-o", "remount,bind,ro", str(lake)]):
        if subprocess.run(words, capture_output=True, check=False).returncode:
            subprocess.run(["umount", str(lake)], capture_output=True, check=False)
            return False
    return True


@pytest.mark.parametrize("case", sorted(set(CASES) - OF_THE_STATE))
def test_bad_input_on_spark_is_told_and_loses_nothing(case: str, banca: Path, run: Run) -> None:
    assert_told_and_kept(case, banca, run)


def test_a_full_disk_of_the_server_is_told_and_the_next_run_goes_on(sail: str, tmp_path: Path) -> None:
    limited = SAIL.replace(
        "import sys\n", "import sys, resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (9_000,) * 2)\n"
    )
    with spark_server(sys.executable, limited, SAIL_RUNTIME__MEMORY_POOL__TYPE="fair") as url:
        folder = made_in(tmp_path / "banca", engine=f'{{spark: "{url}"}}')
        before = tables(folder / "lake")
        lines = "".join(f"{n},2026-03-{n % 28 + 1:02},{n * 7919 % 100_003}.25\n" for n in range(41, 20_000))
        more(folder, HEADER + lines)
        status, _, said = finish(folder)
        assert status == 1, said
        assert_told(said, "engine.disk_full")
        after = tables(folder / "lake")
        assert_equal(
            {k: v for k, v in after.items() if "bronze" not in k},
            {k: v for k, v in before.items() if "bronze" not in k},
        )
    settings(folder, url, sail)
    status, _, said = finish(folder)
    assert status == 0, said
    assert sum(tables(folder / "lake")["silver.pedidos"].values()) == 19_999


def test_a_read_only_lake_on_spark_is_told(banca: Path, run: Run) -> None:
    lake = banca / "lake"
    before = tables(lake)
    contract(banca, 'version: "1.0.0"', 'version: "1.0.1"')
    if not as_root_on_a_read_only(lake):
        pytest.skip("a read-only mount cannot be made here")
    try:
        status, said = run()
        assert status == 1, said
        assert_told(said, "engine.io_failed")
    finally:
        subprocess.run(["umount", str(lake)], check=True)
    assert_equal(tables(lake), before)
    assert run()[0] == 0


def test_of_two_runs_on_spark_at_once_one_says_that_the_other_runs(banca: Path) -> None:
    lines = "".join(f"{n},2026-03-{n % 28 + 1:02},{n}.25\n" for n in range(41, 30_000))
    more(banca, HEADER + lines)
    both = [start(banca) for _ in range(2)]
    ended = [(process.communicate()[1], process.returncode) for process in both]
    assert sorted(status for _, status in ended) in ([0, 0], [0, 1])
    for said, status in ended:
        if status:
            assert_told(said, "runs.already_running")
    assert sum(tables(banca / "lake")["silver.pedidos"].values()) == 29_999
