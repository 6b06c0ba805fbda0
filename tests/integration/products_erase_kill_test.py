"""An erasure killed with SIGKILL at random points and begun again: nothing of the person is left, nobody else is touched.

A sample of the kills by default; 30 with AFLUENTE_PROOF=full.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from afluente.project.load import load_project
from afluente.runs import workflow
from afluente.runs.steps.workspace import Workspace
from afluente.state import audit_chain
from afluente.state.schema import METADATA
from tests.integration.products_erase_project import (
    CPF,
    NOT_LEFT,
    SQLITE,
    make_inbox,
    make_shop,
    places_with_the_person,
    rows_of,
    run_shop,
)

ROOT = Path(__file__).parents[2]
ERASER = Path(__file__).with_name("products_erase_eraser.py")
KILLS = 30 if os.environ.get("AFLUENTE_PROOF") == "full" else 3
SEED = 20260518


def erase(root: Path, *, kill_at: int = 0) -> tuple[int, str]:
    """The exit status of one erasure and what it printed; it dies at that many touches of files."""
    ended = subprocess.run(
        [sys.executable, str(ERASER), str(root), CPF, str(kill_at)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout


def assert_erased(root: Path, totals: list[dict[str, object]]) -> None:
    with Workspace(load_project(root, environment={}, typed_in=root), environment={}) as workspace:
        with workspace.state.read() as connection:
            log = audit_chain.entries(connection)
            kept = [row for table in METADATA.sorted_tables for row in connection.execute(sa.select(table))]
        assert [row for row in kept if NOT_LEFT.search(repr(row).encode())] == []
        assert {entry.action for entry in log} == {"person.erased"}
        assert audit_chain.first_broken(log) is None
        certificates = {path.stem for path in (workspace.folder / "erasures").glob("*.json")}
        assert {entry.subject.removeprefix("erasure/") for entry in log} <= certificates
        assert sorted(str(row["cliente_id"]) for row in rows_of(workspace, "silver.clientes")) == ["C-0002", "C-0003"]
        assert sum(int(str(row["valor"])) for row in rows_of(workspace, "silver.vendas")) == 100
        assert sorted(rows_of(workspace, "gold.totais"), key=str) == totals
        assert places_with_the_person(root) == []
        run_shop(workspace)
        assert places_with_the_person(root) == []
    workflow.shut_down()


@dataclass(frozen=True, slots=True)
class Shop:
    """A project that has run: its folder, its totals, and a copy of everything to rehearse on."""

    root: Path
    totals: list[dict[str, object]]
    rehearsal: Path


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    """The shop with its state on SQLite or on PostgreSQL."""
    root, rehearsal, state = tmp_path / "loja", tmp_path / "ensaio", SQLITE
    make: Callable[..., str] | None = None
    if request.param == "postgresql":
        make = request.getfixturevalue("new_postgres")
        state = make(copy_of=request.getfixturevalue("migrated_postgres"))
    with make_shop(root, make_inbox(tmp_path / "enviados"), state=state) as workspace:
        run_shop(workspace)
        totals = sorted(rows_of(workspace, "gold.totais"), key=str)
    workflow.shut_down()
    assert places_with_the_person(root)
    shutil.copytree(root, rehearsal)
    if make is not None:
        settings = rehearsal / "afluente.yaml"
        copied = make(copy_of=sa.make_url(state).database)
        settings.write_text(settings.read_text(encoding="utf-8").replace(state, copied), encoding="utf-8")
    return Shop(root, totals, rehearsal)


@pytest.mark.proof
def test_an_erasure_killed_at_random_points_is_whole_when_it_was_begun_again(shop: Shop) -> None:
    status, touches = erase(shop.rehearsal)
    assert status == 0
    chance = random.Random(SEED)
    killed = 0
    for _ in range(KILLS):
        status, _ = erase(shop.root, kill_at=chance.randint(1, int(touches)))
        killed += status == -signal.SIGKILL
        if status == 0:
            break
    assert killed > 0
    if status != 0:
        assert erase(shop.root)[0] == 0
    assert_erased(shop.root, shop.totals)
