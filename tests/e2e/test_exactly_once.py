"""Two at once, stopped by signals, writers in between: every row once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from loja import Supply, assert_equal, finish, make_loja, put, start, tables
from tests.until import until

from afluente.core.tables import TableName
from afluente.lake.lake import Lake

ROWS = 60
TRIES = 5
"""A run that ends before it is stopped shows nothing."""


@pytest.fixture
def loja(tmp_path: Path) -> Path:
    """The shop with its first files, not run yet."""
    folder = make_loja(tmp_path / "loja")
    put(folder, Supply(7, rows=ROWS).wave(0))
    return folder


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake of an undisturbed run."""
    folder = make_loja(tmp_path_factory.mktemp("wanted") / "loja")
    put(folder, Supply(7, rows=ROWS).wave(0))
    status, _, said = finish(folder)
    assert status == 0, said
    return folder / "lake"


def test_of_two_runs_at_once_one_says_that_the_other_runs(loja: Path, wanted: Path) -> None:
    first, second = start(loja), start(loja)
    said = [process.communicate()[1] for process in (first, second)]
    statuses = [first.returncode, second.returncode]
    if sorted(statuses) == [0, 1]:
        refused = said[statuses.index(1)]
        assert "error[runs.already_running]" in refused
        assert "hint: " in refused
        assert "Traceback" not in refused
    else:
        assert statuses == [0, 0], said
    assert_equal(tables(loja / "lake"), tables(wanted))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A shell that starts the tests in its background has them, and what they start, pass over SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_says_so_and_the_next_one_goes_on(
    number: signal.Signals, tmp_path: Path, wanted: Path, interruptible: None
) -> None:
    for attempt in range(TRIES):
        loja = make_loja(tmp_path / f"loja{attempt}")
        put(loja, Supply(7, rows=ROWS).wave(0))
        process = start(loja)
        has_bronze = lambda: bool(list((loja / "lake").glob("bronze/*/*.parquet")))
        until(has_bronze, "bronze", by=process)
        process.send_signal(number)
        _, said = process.communicate()
        assert "Traceback" not in said
        if process.returncode:
            break
    assert process.returncode in ({130} if number == signal.SIGINT else {1, 143}), said
    status, _, said = finish(loja)
    assert status == 0, said
    assert_equal(tables(loja / "lake"), tables(wanted))


def test_compaction_beside_runs_loses_and_doubles_nothing(loja: Path, tmp_path: Path) -> None:
    """Another writer moves the tables between a step's plan and its commit."""
    calm = make_loja(tmp_path / "calm")
    supply, again = Supply(7, rows=ROWS), Supply(7, rows=ROWS)
    supply.wave(0)
    put(calm, again.wave(0))
    for number in (1, 2):
        put(loja, supply.wave(number))
        put(calm, again.wave(number))
        process = start(loja)
        lake = Lake(str(loja / "lake"), {}, "beside")
        while process.poll() is None:
            for layer in ("bronze", "silver", "quarantine"):
                for name in ("itens", "precos", "visitas"):
                    if lake.exists(TableName(layer, name)):
                        lake.optimize(TableName(layer, name), attempts=10)
        assert process.returncode == 0, process.communicate()[1]
        process.communicate()
    status, _, said = finish(calm)
    assert status == 0, said
    assert_equal(tables(loja / "lake"), tables(calm / "lake"))
