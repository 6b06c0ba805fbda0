"""What the commands answer: runs, tables, queries, quarantine, compile, doctor, and runs with nothing new."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from afluente.cli.sql_layout import laid_out
from afluente.runs.steps import quiet
from afluente.state.schema import REVISION
from tests.e2e.cli_project import CPF, afluente, make_project, write_orders


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("cli") / "loja")
    assert afluente(folder, "run").returncode == 0
    return folder


def test_runs_are_listed_and_shown_with_their_steps_and_refusals(project: Path) -> None:
    listed = json.loads(afluente(project, "runs", "--json").stdout)
    shown = afluente(project, "runs", "show", listed[-1]["id"][:13])
    assert shown.returncode == 0, shown.stderr
    for told in ("source.pedidos", "silver.pedidos", "gold.vendas_uf", "refused rows by rule", "situacao", "duckdb"):
        assert told in shown.stdout
    whole = json.loads(afluente(project, "runs", "show", listed[-1]["id"], "--json").stdout)
    assert [step["rows_out"] for step in whole["steps"]] == [12, 8, 2]


def test_a_run_is_shown_by_the_end_of_its_id_and_the_newest_without_one(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "loja")
    assert afluente(folder, "runs", "show").returncode == 2
    for _ in range(2):
        assert afluente(folder, "run", "--full-refresh").returncode == 0
    newest, older = (one["id"] for one in json.loads(afluente(folder, "runs", "--json").stdout))
    assert json.loads(afluente(folder, "runs", "show", "--json").stdout)["id"] == newest
    assert json.loads(afluente(folder, "runs", "show", older[-8:], "--json").stdout)["id"] == older
    if newest[:8] == older[:8]:
        ambiguous = afluente(folder, "runs", "show", newest[:8]).stderr
        assert "runs.ambiguous" in ambiguous
        assert newest in ambiguous


def test_moments_are_shown_as_at_reads_them(project: Path) -> None:
    shown = afluente(project, "tables", "show", "gold.vendas_uf").stdout
    committed = re.search(r"ago \((.+)\)", shown)
    assert committed is not None
    told = datetime.fromisoformat(committed[1]).replace(tzinfo=ZoneInfo("America/Sao_Paulo"))
    written = json.loads(afluente(project, "tables", "show", "gold.vendas_uf", "--json").stdout)["history"][0]
    assert told == datetime.fromisoformat(written["committed"]).replace(microsecond=0)
    after = (told + timedelta(seconds=1)).replace(tzinfo=None).isoformat(sep=" ")
    assert afluente(project, "sql", "SELECT * FROM gold.vendas_uf", "--at", f"gold.vendas_uf={after}").returncode == 0


def test_a_question_may_take_any_rows_and_a_model_may_not(project: Path, tmp_path: Path) -> None:
    assert len(json.loads(afluente(project, "sql", "SELECT * FROM silver.pedidos LIMIT 3", "--json").stdout)) == 3
    folder = make_project(tmp_path / "loja")
    model = folder / "models" / "vendas_uf.sql"
    model.write_text(f"{model.read_text(encoding='utf-8').rstrip()} LIMIT 3\n", encoding="utf-8")
    assert "LIMIT without ORDER BY" in afluente(folder, "check").stderr


def test_what_rules_measured_is_told_in_whole_numbers(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "loja")
    assert afluente(folder, "run").returncode == 0
    told = afluente(folder, "tables", "show", "silver.pedidos").stdout + afluente(folder, "runs", "show").stdout
    assert told.count("rows 0,") >= 2
    assert "rows 0.0" not in told


def test_a_run_that_is_done_is_not_resumed(project: Path) -> None:
    [*_, first] = json.loads(afluente(project, "runs", "list", "--json").stdout)
    ended = afluente(project, "runs", "resume", first["id"])
    assert (ended.returncode, "runs.nothing_to_resume" in ended.stderr) == (2, True)


def test_tables_tell_rows_owner_and_maker(project: Path) -> None:
    told = {row["table"]: row for row in json.loads(afluente(project, "tables", "--json").stdout)}
    assert {name: row["rows"] for name, row in told.items()} == {
        "bronze.pedidos": 12,
        "gold.vendas_uf": 2,
        "quarantine.pedidos": 4,
        "silver.pedidos": 8,
    }
    assert told["gold.vendas_uf"]["owner"] == "dados@example.com"
    assert told["silver.pedidos"]["made by"] == "contract contracts/pedidos.odcs.yaml"


def test_a_table_is_shown_with_classification_lineage_and_history(project: Path) -> None:
    story = json.loads(afluente(project, "tables", "show", "silver.pedidos", "--json").stdout)
    classes = {column["column"]: column["classification"] for column in story["columns"]}
    assert classes["cpf"] == "direct_identifier"
    assert [commit["mode"] for commit in story["history"]] == ["create"]
    gold = json.loads(afluente(project, "tables", "show", "vendas_uf", "--json").stdout)
    assert {c["column"]: c["comes from"] for c in gold["columns"]}["receita"] == ["silver.pedidos.valor"]


def test_the_same_answer_in_every_format(project: Path, tmp_path: Path) -> None:
    query = "SELECT uf, pedidos, receita FROM gold.vendas_uf ORDER BY uf"
    wanted = _by_hand()
    rows = list(csv.reader(io.StringIO(afluente(project, "sql", query, "--format", "csv").stdout)))
    assert rows[0] == ["uf", "pedidos", "receita"]
    assert [(uf, int(n), total) for uf, n, total in rows[1:]] == wanted
    told = json.loads(afluente(project, "sql", query, "--json").stdout)
    assert [(row["uf"], row["pedidos"], row["receita"]) for row in told] == wanted
    path = tmp_path / "answer.parquet"
    assert afluente(project, "sql", query, "--format", "parquet", "--output", str(path)).returncode == 0
    assert [(row["uf"], row["pedidos"], str(row["receita"])) for row in pq.read_table(path).to_pylist()] == wanted
    assert [entry.name for entry in tmp_path.iterdir()] == ["answer.parquet"]
    table = afluente(project, "sql", query).stdout.splitlines()
    assert table[0].split() == ["uf", "pedidos", "receita"]
    assert len(table) == 3


def _by_hand() -> list[tuple[str, int, str]]:
    kept = [n for n in range(1, 13) if n % 3]
    return [
        (uf, len(mine), f"{sum(mine) + len(mine) * 0.5:.2f}")
        for uf, mine in (("RJ", [n for n in kept if n % 2 == 0]), ("SP", [n for n in kept if n % 2]))
    ]


def test_an_answer_is_cut_at_its_limit_and_says_so(project: Path) -> None:
    ended = afluente(project, "sql", "SELECT * FROM bronze.pedidos", "--limit", "5", "--format", "csv")
    assert len(ended.stdout.splitlines()) == 6
    assert "more rows than 5" in ended.stderr


def test_a_table_is_read_as_it_was(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "loja")
    assert afluente(folder, "run").returncode == 0
    write_orders(folder, range(13, 17), name="pedidos2.csv")
    assert afluente(folder, "run").returncode == 0
    query = "SELECT count(*) AS n FROM bronze.pedidos"
    assert json.loads(afluente(folder, "sql", query, "--json").stdout) == [{"n": 16}]
    assert json.loads(afluente(folder, "sql", query, "--json", "--at", "bronze.pedidos=0").stdout) == [{"n": 12}]


def test_quarantine_tells_both_languages_and_masks_what_is_restricted(project: Path) -> None:
    [row] = json.loads(afluente(project, "quarantine", "--json").stdout)
    assert (row["table"], row["column"], row["rows"]) == ("silver.pedidos", "situacao", 4)
    assert row["reason"] != row["reason_en"]
    shown = afluente(project, "quarantine", "show", "pedidos")
    assert "devolvido" in shown.stdout
    assert CPF not in shown.stdout
    assert "***" in shown.stdout
    assert CPF in afluente(project, "quarantine", "show", "silver.pedidos", "--reveal").stdout
    assert "devolvido" in afluente(project, "quarantine", "show", "pedidos", "--rule", row["rule"]).stdout
    odd = afluente(project, "quarantine", "show", "pedidos", "--rule", "o'x")
    assert (odd.returncode, odd.stdout) == (0, "")
    masked = json.loads(afluente(project, "quarantine", "show", "pedidos", "--json").stdout)
    assert {one["cpf"] for one in masked} == {"***"}


def test_a_model_compiles_before_there_is_data(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "loja")
    told = json.loads(afluente(folder, "compile", "vendas_uf", "--json").stdout)
    assert "silver__pedidos" in told["sql"]
    assert {c["column"]: c["comes from"] for c in told["columns"]} == {
        "uf": ["silver.pedidos.uf"],
        "pedidos": [],
        "receita": ["silver.pedidos.valor"],
    }
    assert "`receita`" in afluente(folder, "compile", "gold.vendas_uf", "--engine", "spark").stdout
    assert not (folder / "lake").exists()


def test_the_sql_of_a_model_is_laid_out_and_is_what_runs(project: Path) -> None:
    shown = afluente(project, "compile", "vendas_uf").stdout.split("\n\n")[0].partition("\n")[2]
    runs = json.loads(afluente(project, "compile", "vendas_uf", "--json").stdout)["sql"]
    assert "".join(shown.split()) == "".join(runs.split())
    assert [line.split()[0] for line in shown.splitlines() if line.split()[0].isupper()][:2] == ["SELECT", "FROM"]
    assert max(len(line) for line in shown.splitlines()) < len(runs) / 2


@pytest.mark.parametrize(
    "sql", ["SELECT 'a, b FROM c' AS x, (1 + 2) AS y", 'SELECT "a  b" FROM t -- , FROM\nWHERE x IN (SELECT 1, 2)', ""]
)
def test_layout_changes_nothing_but_white_space_between_words(sql: str) -> None:
    assert "".join(laid_out(sql).split()) == "".join(sql.split())
    assert all(text in laid_out(sql) for text in ("'a, b FROM c'", '"a  b"', "-- , FROM\n") if text in sql)


def test_doctor_looks_at_the_machine_and_the_project(project: Path, tmp_path: Path) -> None:
    ended = afluente(project, "doctor", "--json")
    found = {one["what"]: one["state"] for one in json.loads(ended.stdout)}
    assert ended.returncode == 0
    assert {found[name] for name in ("Python", "duckdb", "lake", "state", "engine", "source pedidos")} == {"ok"}
    alone = afluente(tmp_path, "doctor")
    assert alone.returncode == 0
    assert "no project" in alone.stdout


def test_doctor_says_what_a_source_lacks(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "loja")
    (folder / "dados" / "pedidos.csv").unlink()
    ended = afluente(folder, "doctor")
    assert ended.returncode == 2
    assert "source.file_missing" in ended.stdout


def history(folder: Path) -> list[tuple[str, ...]]:
    with sqlite3.connect(folder / ".afluente" / "state.db") as connection:
        steps = connection.execute(
            "SELECT s.name, s.kind, s.status, s.position, s.attempt, r.status, r.trigger, r.plan, r.asked_tables,"
            " r.takeovers, length(r.started_at), length(s.ended_at), typeof(r.pid)"
            " FROM steps s JOIN runs r ON r.id = s.run_id ORDER BY r.started_at, r.id, s.position"
        ).fetchall()
    connection.close()
    return steps


def test_a_quiet_run_is_written_down_as_any_run_that_did_nothing(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "loja")
    assert afluente(folder, "run").returncode == 0
    (folder / quiet.STAMP_FILE).unlink()
    before = len(history(folder))
    asked = afluente(folder, "run")
    assert "nothing new" in asked.stderr
    told = afluente(folder, "run")
    assert "nothing new" in told.stderr
    rows = history(folder)
    assert len(rows) == before + 6
    assert rows[-6:-3] == rows[-3:]
    assert len(json.loads(afluente(folder, "runs", "--json").stdout)) == 3
    assert json.loads(afluente(folder, "run", "--json").stdout)["status"] == "done"


def test_the_stamp_of_a_quiet_run_knows_the_state_it_writes() -> None:
    assert quiet.REVISION == REVISION


@pytest.mark.parametrize("change", ["file", "touched", "contract", "model", "lake", "position", "interrupted"])
def test_whatever_changes_a_quiet_run_asks_the_steps_again(change: str, tmp_path: Path) -> None:
    folder = make_project(tmp_path / "loja")
    assert afluente(folder, "run").returncode == 0
    match change:
        case "file":
            write_orders(folder, range(13, 15), name="pedidos2.csv")
        case "touched":
            write_orders(folder, range(1, 14))
        case "contract" | "model":
            path = next((folder / f"{change}s").iterdir())
            path.write_text(
                path.read_text(encoding="utf-8").replace("dados@example.com", "bi@example.com"), encoding="utf-8"
            )
        case "lake":
            for path in (folder / "lake" / "gold" / "vendas_uf" / "_delta_log").iterdir():
                path.unlink()
        case "position":
            with sqlite3.connect(folder / ".afluente" / "state.db") as connection:
                connection.execute("DELETE FROM source_positions")
        case "interrupted":
            with sqlite3.connect(folder / ".afluente" / "state.db") as connection:
                connection.execute("UPDATE runs SET status = 'interrupted'")
    ended = afluente(folder, "run")
    assert ended.returncode == 0, ended.stderr
    assert "source.pedidos" in ended.stderr
    assert "nothing new" in afluente(folder, "run").stderr


def test_help_and_a_quiet_run_import_nothing_heavy(project: Path) -> None:
    afluente(project, "run")
    heavy = ("duckdb", "pyarrow", "deltalake", "sqlalchemy", "sqlglot", "dbos", "rich", "alembic", "pydantic", "numpy")
    for words in (["--help"], ["-C", str(project), "run"]):
        code = (
            "import sys\nfrom afluente.cli.main import main\n"
            f"try:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
            f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
        )
        ended = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
        )
        assert ended.stderr.splitlines()[-1] == "[]"
