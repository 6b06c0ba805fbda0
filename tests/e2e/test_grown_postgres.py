"""The same project with its state on PostgreSQL: runs, resuming and history are those of SQLite."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.e2e.grown import afluente, assert_equal_lakes, make_project, run, tables

ROWS = 2_000


@pytest.fixture
def postgres(new_postgres: Callable[..., str]) -> str:
    return new_postgres()


def history(folder: Path, env: dict[str, str]) -> list[tuple[str, str]]:
    listed = afluente(folder, "--json", "runs", "list", env=env)
    assert listed.returncode == 0, listed.stderr
    return [(entry["trigger"], entry["status"]) for entry in json.loads(listed.stdout)]


def test_state_on_postgres_runs_resumes_and_remembers(postgres: str, tmp_path: Path) -> None:
    env = {"VENDAS_STATE": postgres}
    here = make_project("ouchhungry", tmp_path / "sqlite", rows=ROWS)
    there = make_project("ouchhungry", tmp_path / "postgres", rows=ROWS, state="secret:env:VENDAS_STATE")
    for folder in (here, there):
        cities = folder / "dados" / "pracas.csv"
        whole = cities.read_bytes()
        cities.unlink()
        failed = afluente(folder, "run", env=env)
        assert failed.returncode == 1, failed.stderr
        cities.write_bytes(whole)
    assert not list((there / ".afluente").glob("*.db")), "nothing is kept in SQLite"

    for folder in (here, there):
        listed = json.loads(afluente(folder, "--json", "runs", "list", env=env).stdout)
        first = listed[0].get("id") or listed[0]["run"]
        resumed = afluente(folder, "runs", "resume", first, env=env)
        assert resumed.returncode == 0, resumed.stderr
        again = run(folder, env=env)
        assert {step["status"] for step in again["steps"]} == {"unchanged"}
    assert history(here, env) == history(there, env)
    assert [status for _, status in history(there, env)].count("done") == 2
    assert_equal_lakes(tables(str(there / "lake")), tables(str(here / "lake")))

    database = sa.create_engine(sa.make_url(postgres).set(drivername="postgresql+psycopg"))
    with database.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM runs")).scalar_one() == 3
    database.dispose()


def test_the_address_of_the_state_is_never_said(postgres: str, tmp_path: Path) -> None:
    project = make_project("ouchhungry", tmp_path / "postgres", rows=100, state="secret:env:VENDAS_STATE")
    env = {"VENDAS_STATE": "postgresql://alguem:senha-secreta@127.0.0.1:1/nada"}
    done = afluente(project, "run", env=env)
    assert done.returncode != 0
    assert "senha-secreta" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
