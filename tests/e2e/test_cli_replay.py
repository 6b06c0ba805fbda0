"""`afluente quarantine replay`: rows come back once each, whatever happens in between."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.cli_project import NEW_VALUES, OLD_VALUES, afluente, make_project, orders, rows_of, waiting
from tests.e2e.cli_project import write_contract, write_orders

WORKER = Path(__file__).with_name("cli_replay_worker.py")
ONCE_EACH = dict.fromkeys(range(1, 13), 1)


@pytest.fixture(params=["append", "upsert"])
def refused(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A project whose orders 3, 6, 9 and 12 wait in quarantine, and how its table is written."""
    write = request.param
    folder = make_project(tmp_path / "loja", write=write)
    ran = afluente(folder, "run")
    assert ran.returncode == 0, ran.stderr
    assert waiting(folder) == ["3", "6", "9", "12"]
    return folder, write


def correct(folder: Path, write: str) -> None:
    write_contract(folder, write=write, values=NEW_VALUES)


def test_corrected_rows_come_back_once_each(refused: tuple[Path, str]) -> None:
    folder, write = refused
    untouched = afluente(folder, "quarantine", "replay", "silver.pedidos")
    assert untouched.returncode == 0, untouched.stderr
    assert waiting(folder) == ["3", "6", "9", "12"]
    correct(folder, write)
    for _ in range(3):
        done = afluente(folder, "quarantine", "replay", "pedidos")
        assert done.returncode == 0, done.stderr
        assert orders(folder) == ONCE_EACH
        assert waiting(folder) == []
    kept = rows_of(folder, "quarantine", "pedidos")
    assert len(kept) == 4
    assert len({row["replayed_at"] for row in kept}) == 1
    ran = afluente(folder, "run")
    assert ran.returncode == 0, ran.stderr
    assert orders(folder) == ONCE_EACH


def test_rows_still_refused_wait_with_fresh_reasons(refused: tuple[Path, str]) -> None:
    folder, write = refused
    write_orders(folder, range(13, 16), name="pedidos2.csv")
    text = (folder / "dados" / "pedidos2.csv").read_text(encoding="utf-8").replace("R$ 15,50", "caro")
    (folder / "dados" / "pedidos2.csv").write_text(text, encoding="utf-8")
    assert afluente(folder, "run").returncode == 0
    assert waiting(folder) == ["3", "6", "9", "12", "15"]
    correct(folder, write)
    assert afluente(folder, "quarantine", "replay", "pedidos").returncode == 0
    assert waiting(folder) == ["15"]
    assert orders(folder) == dict.fromkeys(range(1, 15), 1)
    [row] = [row for row in rows_of(folder, "quarantine", "pedidos") if row["replayed_at"] is None]
    assert [failure["rule"] for failure in row["failures"]] == ["money"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("commit", [1, 2])
def test_a_replay_killed_at_a_commit_is_finished_by_the_next(commit: int, when: str, refused: tuple[Path, str]) -> None:
    folder, write = refused
    correct(folder, write)
    killed = subprocess.run([sys.executable, str(WORKER), str(folder), str(commit), when], check=False)
    assert killed.returncode == -signal.SIGKILL
    for _ in range(2):
        done = afluente(folder, "quarantine", "replay", "pedidos")
        assert done.returncode == 0, done.stderr
        assert orders(folder) == ONCE_EACH
        assert waiting(folder) == []
    assert len(rows_of(folder, "quarantine", "pedidos")) == 4


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_a_changed_contract_refuses_again_is_not_lost_with_a_cut_replay(
    when: str, refused: tuple[Path, str]
) -> None:
    folder, write = refused
    correct(folder, write)
    killed = subprocess.run([sys.executable, str(WORKER), str(folder), "2", "before"], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert waiting(folder) == []
    write_contract(folder, write=write, values=OLD_VALUES)
    assert afluente(folder, "quarantine", "replay", "pedidos").returncode == 0
    assert waiting(folder) == ["3", "6", "9", "12"]
    assert orders(folder) == dict.fromkeys((1, 2, 4, 5, 7, 8, 10, 11), 1)
    if when == "after":
        correct(folder, write)
        assert afluente(folder, "quarantine", "replay", "pedidos").returncode == 0
        assert orders(folder) == ONCE_EACH


def test_rows_of_a_file_that_was_sent_again_are_not_brought_back_beside_their_successors(
    refused: tuple[Path, str],
) -> None:
    folder, write = refused
    text = (folder / "dados" / "pedidos.csv").read_text(encoding="utf-8").replace("devolvido", "cancelado")
    (folder / "dados" / "pedidos.csv").write_text(text, encoding="utf-8")
    assert afluente(folder, "run", "bronze.pedidos").returncode == 0
    correct(folder, write)
    done = afluente(folder, "quarantine", "replay", "pedidos")
    assert done.returncode == 0, done.stderr
    assert orders(folder) == dict.fromkeys((1, 2, 4, 5, 7, 8, 10, 11), 1)
    assert afluente(folder, "run").returncode == 0
    assert orders(folder) == ONCE_EACH
    assert {row["situacao"] for row in rows_of(folder, "silver", "pedidos")} == {"entregue", "cancelado"}


@pytest.mark.parametrize("write", ["replace", "replace_partitions"])
def test_a_table_that_is_made_whole_at_each_run_is_made_anew_and_says_so(write: str, tmp_path: Path) -> None:
    folder = make_project(tmp_path / "loja", write=write)
    assert afluente(folder, "run").returncode == 0
    correct(folder, write)
    for _ in range(2):
        done = afluente(folder, "quarantine", "replay", "silver.pedidos")
        assert done.returncode == 0, done.stderr
        assert "made anew" in done.stderr
        assert orders(folder) == ONCE_EACH
        assert waiting(folder) == []


def test_rows_of_a_superseded_delivery_do_not_come_back(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "loja", write="replace_partitions")
    assert afluente(folder, "run").returncode == 0
    write_orders(folder, range(21, 28, 2), name="pedidos-sp-de-novo.csv")
    assert afluente(folder, "run").returncode == 0
    assert orders(folder) == dict.fromkeys((2, 4, 8, 10, 23, 25), 1)
    newest = json.loads(afluente(folder, "--json", "runs", "list", "--limit", "1").stdout)[0]["id"]
    steps = json.loads(afluente(folder, "--json", "runs", "show", newest).stdout)["steps"]
    assert {step["name"]: step["counts"].get("superseded") for step in steps}["silver.pedidos"] == 6
    assert waiting(folder) == ["6", "12", "21", "27"]
    correct(folder, "replace_partitions")
    for _ in range(2):
        assert afluente(folder, "quarantine", "replay", "pedidos").returncode == 0
        assert orders(folder) == dict.fromkeys((2, 4, 6, 8, 10, 12, 21, 23, 25, 27), 1)
        assert waiting(folder) == []
