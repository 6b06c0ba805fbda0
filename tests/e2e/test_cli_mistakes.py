"""What a user types wrong: an exit status of 2 (or what the case says), an error with a code, never a traceback."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cli_project import afluente, make_project, process

GOLD = "SELECT * FROM gold.vendas_uf"
MISTAKES: dict[str, tuple[list[str], str]] = {
    "no command": ([], "cli.usage"),
    "an unknown command": (["tabls"], "did you mean 'tables'"),
    "an unknown option": (["run", "--ful"], "cli.usage"),
    "a command of another tool": (["lineage"], "here it is `afluente compile MODEL`"),
    "an unknown action": (["runs", "shw"], "did you mean 'show'"),
    "a name that is missing": (["tables", "show"], "cli.usage"),
    "an unknown engine": (["compile", "vendas_uf", "--engine", "sparkk"], "did you mean 'spark'"),
    "an unknown format": (["sql", GOLD, "--format", "xml"], "cli.usage"),
    "a limit that is no number": (["sql", GOLD, "--limit", "ten"], "cli.usage"),
    "a limit below zero": (["sql", GOLD, "--limit", "-1"], "sql.limit"),
    "runs with a limit of nothing": (["runs", "list", "--limit", "0"], "cli.usage"),
    "an unknown run": (["runs", "show", "00000000-0000"], "runs.unknown"),
    "a run's id too short": (["runs", "show", "01"], "at least 8"),
    "resuming an unknown run": (["runs", "resume", "nothing-such"], "runs.unknown"),
    "running an unknown table": (["run", "gold.vendas_u"], "did you mean 'gold.vendas_uf'"),
    "an unknown table": (["tables", "show", "gold.vendas_u"], "did you mean 'gold.vendas_uf'"),
    "a table of an unknown layer": (["tables", "show", "platinum.x"], "cli.table_name"),
    "a table with an odd name": (["tables", "show", "gold.Vendas-UF"], "cli.table_name"),
    "a retention below zero": (["tables", "vacuum", "gold.vendas_uf", "--retention-hours", "-1"], "tables.retention"),
    "optimizing an unknown table": (["tables", "optimize", "silver.nada"], "tables.unknown"),
    "an empty query": (["sql", "  "], "sql.empty"),
    "a query that does not parse": (["sql", "SELEC * FROM gold.vendas_uf"], "query:1"),
    "a query of an unknown table": (["sql", "SELECT * FROM gold.vendas_u"], "did you mean 'gold.vendas_uf'"),
    "a query of a table without a layer": (["sql", "SELECT * FROM vendas_uf"], "sql.table_unknown"),
    "a query of an unknown column": (["sql", "SELECT receit FROM gold.vendas_uf"], "did you mean 'receita'"),
    "a query that changes a table": (["sql", "DROP TABLE gold.vendas_uf"], "sql.not_one_query"),
    "a list of the tables asked in SQL": (["sql", "SHOW TABLES"], "`afluente tables`"),
    "two queries": (["sql", f"{GOLD}; {GOLD}"], "sql.not_one_query"),
    "a function that is not allowed": (["sql", "SELECT rand() FROM gold.vendas_uf"], "model."),
    "a query that reads a file": (["sql", "SELECT * FROM read_csv('/etc/passwd')"], "error["),
    "--at without a version": (["sql", GOLD, "--at", "gold.vendas_uf"], "sql.at"),
    "--at with an odd version": (["sql", GOLD, "--at", "gold.vendas_uf=monday"], "sql.at"),
    "--at of a table that is not read": (["sql", GOLD, "--at", "silver.pedidos=0"], "sql.at_unused"),
    "--at of an odd table": (["sql", GOLD, "--at", "x=0"], "layer.name, such as"),
    "parquet on standard output": (["sql", GOLD, "--format", "parquet"], "sql.output_missing"),
    "an output below a file": (["sql", GOLD, "--output", "/dev/null/x"], "sql.output"),
    "an output in no folder": (["sql", GOLD, "--output", "/no/such/folder/x.csv"], "sql.output"),
    "an output that is a folder": (["sql", GOLD, "--output", "/tmp"], "sql.output"),
    "an unknown model": (["compile", "vendas_u"], "did you mean 'gold.vendas_uf'"),
    "an unknown quarantine": (["quarantine", "show", "silver.pedido"], "did you mean 'silver.pedidos'"),
    "a quarantine limit of nothing": (["quarantine", "show", "pedidos", "--limit", "0"], "quarantine.limit"),
    "replaying an unknown table": (["quarantine", "replay", "pedido"], "did you mean 'silver.pedidos'"),
    "replaying lines that were not read": (["quarantine", "replay", "bronze.pedidos"], "correct the file"),
    "a division by zero": (["sql", "SELECT pedidos / 0 FROM gold.vendas_uf"], "divided by zero"),
    "parity without a server": (["parity"], "parity.no_server"),
    "parity with an odd address": (["parity", "--engine", "http://x"], "parity.no_server"),
    "parity without rows": (["parity", "--rows", "0"], "parity.rows"),
    "a port that does not exist": (["serve", "--port", "70000"], "serve.port"),
    "an unknown demo": (["demo", "ouchungry"], "ouchhungry"),
    "a demo without rows": (["demo", "--rows", "0"], "demo.rows"),
    "a project that cannot be named": (["init", "Não pode"], "init.name"),
    "an unknown template": (["init", "nova", "--template", "venda"], "init.template"),
}
OF_A_RUN = {"running an unknown table": 1, "a division by zero": 1}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = make_project(tmp_path_factory.mktemp("cli") / "loja")
    assert afluente(folder, "run").returncode == 0
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_with_a_code_and_no_trace(case: str, project: Path) -> None:
    words, told = MISTAKES[case]
    ended = afluente(project, *words)
    assert told in ended.stderr
    assert "error[" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "internal" not in ended.stderr
    assert ended.stdout == ""
    assert ended.returncode in (2, OF_A_RUN.get(case, 2))


@pytest.mark.parametrize("command", ["run", "check", "tables", "runs", "quarantine", "serve", "compile x", "sql x"])
def test_outside_a_project_the_way_in_is_told(command: str, tmp_path: Path) -> None:
    ended = afluente(tmp_path, *command.split())
    assert ended.returncode == 2
    assert "cli.no_project" in ended.stderr
    assert "afluente init" in ended.stderr


def test_every_mistake_of_a_project_is_told_at_once(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "loja")
    contract = folder / "contracts" / "pedidos.odcs.yaml"
    contract.write_text(contract.read_text(encoding="utf-8").replace("br.cpf", "br.cfp"), encoding="utf-8")
    model = folder / "models" / "vendas_uf.sql"
    model.write_text(model.read_text(encoding="utf-8").replace("silver.pedidos", "silver.pedido"), encoding="utf-8")
    for command in ("check", "run", "tables"):
        ended = afluente(folder, command)
        assert ended.returncode == 2
        assert "br.cpf" in ended.stderr
        assert "silver.pedidos" in ended.stderr
    told = json.loads(afluente(folder, "check", "--json").stdout)
    assert {problem["place"]["file"] for problem in told} == {
        "contracts/pedidos.odcs.yaml",
        "models/vendas_uf.sql",
    }


def test_a_model_that_does_not_fit_its_contract_is_found_before_there_is_data(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "loja")
    model = folder / "models" / "vendas_uf.sql"
    model.write_text(model.read_text(encoding="utf-8").replace("sum(valor)", "sum(valo)"), encoding="utf-8")
    ended = afluente(folder, "check")
    assert ended.returncode == 2
    assert "models/vendas_uf.sql" in ended.stderr
    assert "did you mean 'valor'" in ended.stderr


def test_a_table_that_was_never_made_says_how_to_make_it(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "loja")
    for words in (["sql", GOLD], ["tables", "show", "gold.vendas_uf"]):
        ended = afluente(folder, *words)
        assert ended.returncode == 2
        assert "afluente run" in ended.stderr


def test_errors_are_json_where_json_was_asked_for(project: Path) -> None:
    ended = afluente(project, "sql", "SELECT * FROM gold.nada", "--json")
    assert json.loads(ended.stderr)["error"]["code"] == "sql.table_unknown"


def test_a_pipe_that_is_closed_early_ends_it_without_a_word(project: Path) -> None:
    words = process(
        project,
        "sql",
        "SELECT a.pedido FROM silver.pedidos AS a CROSS JOIN bronze.pedidos AS b "
        "CROSS JOIN bronze.pedidos AS c CROSS JOIN bronze.pedidos AS d",
        "--format",
        "csv",
    )
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None and running.stderr is not None
        assert running.stdout.readline() == "pedido\n"
        running.stdout.close()
        said = running.stderr.read()
        assert running.wait() == 0
    assert "Traceback" not in said
    assert "BrokenPipe" not in said


@pytest.mark.parametrize("words", [["--json", "tabls"], ["runs", "shw", "--json"]])
def test_words_that_cannot_be_read_are_told_as_json_where_it_was_asked_for(words: list[str], tmp_path: Path) -> None:
    ended = afluente(tmp_path, *words)
    assert ended.returncode == 2
    assert json.loads(ended.stderr)["error"]["code"] == "cli.usage"
    assert "did you mean" in json.loads(ended.stderr)["error"]["hint"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_an_answer_to_a_full_disk_is_told_as_one(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(process(tmp_path, "demo", "--list"), stdout=full, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error[cli.output_full]")
    assert "Traceback" not in ended.stderr
