"""`afluente demo` shows a newcomer the whole river, also when it was installed from a wheel into a machine without the
repository."""

from __future__ import annotations

import email
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from deltalake import DeltaTable

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("AFLUENTE_DATA", ROOT.parent / "shared" / "data")) / "olist"
COMMAND = [str(Path(sys.executable).with_name("afluente"))]
ROWS = 3_000


def afluente(
    *words: str, folder: Path, command: list[str] = COMMAND, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DATA"} | variables
    done = subprocess.run(  # noqa: S603
        [*command, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A demo's project, left in a folder, and what the demo said."""
    folder = tmp_path_factory.mktemp("demo")
    done = afluente("demo", "--rows", str(ROWS), "--into", "feito", folder=folder)
    assert done.returncode == 0, done.stderr
    return folder / "feito", done.stdout


def rows_of(project: Path, table: str) -> int:
    return DeltaTable(str(project / "lake" / table.replace(".", "/"))).to_pyarrow_table().num_rows


def test_it_shows_the_river_the_reasons_the_repairs_the_gold_and_the_score(kept: tuple[Path, str]) -> None:
    project, said = kept
    gold = sum(
        rows_of(project, f"gold.{name}")
        for name in ("vendas_fato", "vendas_dia", "vendas_mes_cidade", "participacao_segmento")
    )
    for expected in (
        "source   ──> landing ──> bronze",
        "├─> quarantine",
        "└─> repairs",
        f"{gold:,} rows",
        "não existe em silver.clientes",
        "does not exist in silver.clientes",
        "br.cep.leading_zero",
        "gold.vendas_dia: first rows",
        "gold.vendas_mes_cidade: first rows",
        "gold.participacao_segmento: first rows",
        "precision",
        "recall",
        "set right",
        "steps on duckdb",
        "What next",
    ):
        assert expected in said


def test_no_value_of_a_personal_column_is_shown(kept: tuple[Path, str]) -> None:
    project, said = kept
    for layer in ("bronze", "quarantine"):
        rows = DeltaTable(str(project / "lake" / layer / "clientes")).to_pyarrow_table()
        for column in ("nome", "cpf", "email", "telefone", "cliente_id"):
            values = {value for value in rows[column].to_pylist() if value and len(value) > 8}
            assert {value for value in values if value in said} == set()


def test_the_project_it_leaves_is_a_project_with_nothing_left_to_do(kept: tuple[Path, str]) -> None:
    project, _ = kept
    assert afluente("check", folder=project).returncode == 0
    again = afluente("run", folder=project)
    assert again.returncode == 0
    assert "nothing new" in again.stderr
    assert f"rows: {ROWS}" in (project / "afluente.yaml").read_text(encoding="utf-8")


def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "meu.txt").write_text("meu", encoding="utf-8")
    done = afluente("demo", "--into", str(tmp_path), folder=tmp_path)
    assert done.returncode == 2
    assert "demo.not_empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["meu.txt"]


def test_as_json_every_row_is_accounted_for_and_nothing_stays_on_the_disk(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = afluente("demo", "--rows", str(ROWS), "--json", folder=tmp_path, TMPDIR=str(scratch))
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert {flow["table"] for flow in said["tables"]} == {"clientes", "produtos", "transacoes", "pracas"}
    for flow in said["tables"]:
        assert flow["bronze"] == flow["silver"] + flow["rejected"] + flow["repeated"]
    assert sum(flow["bronze"] for flow in said["tables"] if flow["table"] == "transacoes") >= ROWS
    rejects = {row["table"]: row["rejects"] for row in said["score"]}
    assert rejects == {flow["table"]: flow["rejected"] for flow in said["tables"] if flow["table"] != "pracas"}
    assert all(row["surplus"] == 0 and row["recall"] == "100.00%" for row in said["score"])
    assert list(scratch.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["scratch"]


def test_it_lists_what_there_is(tmp_path: Path) -> None:
    done = afluente("demo", "--list", folder=tmp_path)
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["name", "ouchhungry", "olist", "transmissor"]


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["olists"], "demo.unknown", "did you mean 'olist'?"),
        (["--rows", "10"], "demo.rows", "--rows 3000 or more"),
        (["olist"], "demo.data_missing", "DATA=FOLDER afluente demo olist"),
        (["olist", "--rows", "5000"], "demo", ""),
    ],
)
def test_what_cannot_be_shown_is_said_with_its_remedy(words: list[str], code: str, hint: str, tmp_path: Path) -> None:
    done = afluente("demo", *words, "--into", "feito", folder=tmp_path)
    assert done.returncode == 2
    assert f"error[{code}" in done.stderr
    assert hint in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_real_data_without_its_files_fails_with_their_names(tmp_path: Path) -> None:
    done = afluente("demo", "olist", folder=tmp_path, DATA=str(tmp_path))
    assert done.returncode == 1
    assert "olist_orders_dataset.csv" in done.stderr


@pytest.mark.skipif(not DATA.is_dir(), reason="no real data: set AFLUENTE_DATA")
def test_real_orders_go_as_far_as_gold(tmp_path: Path) -> None:
    done = afluente("demo", "olist", "--json", folder=tmp_path, DATA=os.path.relpath(DATA, tmp_path))
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    items = next(flow for flow in said["tables"] if flow["table"] == "itens")
    assert said["gold"]["gold.pedidos_larga"] == items["silver"] == items["bronze"] > 0


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, unpacked as an installer would."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as packed:
        packed.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_holds_the_examples_and_nothing_that_a_run_left_in_them(wheel: Path) -> None:
    packed = {path.relative_to(wheel / "afluente") for path in (wheel / "afluente" / "examples").rglob("*")}
    listed = subprocess.run(["git", "ls-files", "examples"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    files = {str(path) for path in packed if (wheel / "afluente" / path).is_file()}
    assert files >= set(listed.stdout.split())
    assert {path.parts[2] for path in packed if len(path.parts) > 2} & {"lake", ".afluente", "verdade"} == set()
    assert {path.name for path in wheel.iterdir() if path.suffix != ".dist-info"} == {"afluente"}
    assert next(wheel.glob("*.dist-info")).joinpath("licenses", "LICENSE").is_file()


def test_an_installed_demo_runs_from_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    start = f"import afluente, sys; sys.exit(0 if afluente.__file__.startswith({str(wheel)!r}) else 9)"
    command = [sys.executable, "-P"]
    assert afluente("-c", start, folder=tmp_path, command=command, PYTHONPATH=str(wheel)).returncode == 0
    words = ("-m", "afluente.cli.main", "demo", "--rows", str(ROWS))
    done = afluente(*words, folder=tmp_path, command=command, PYTHONPATH=str(wheel))
    assert done.returncode == 0, done.stderr
    assert "The river" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_partner_receives_the_release_once_though_the_line_was_cut_and_the_team_is_told(
    kept: tuple[Path, str],
) -> None:
    project, said = kept
    received = project / "received"
    sent = {path.name: path.read_bytes() for path in (received / "sftp" / "entrada").iterdir()}
    manifest = json.loads(sent["vendas_ouchhungry-000001.manifest.json"])
    assert "vendas_ouchhungry-000001.ok" in sent
    carried = {name: file for file in manifest["files"] if (name := Path(file["name"]).name) in sent}
    assert {name.rpartition(".")[2] for name in carried} == {"csv", "parquet", "xlsx"}
    for name, file in carried.items():
        assert hashlib.sha256(sent[name]).hexdigest() == file["sha256"]
    accepted = [json.loads(path.read_bytes()) for path in sorted((received / "api").glob("*.json"))]
    rows = [row for request in accepted for row in request.get("rows", ())]
    assert len(rows) == next(file["rows"] for file in manifest["files"] if file["name"].endswith("vendas_mes.jsonl"))
    assert min(row["clientes"] for row in rows) >= 5
    mails = [email.message_from_bytes(path.read_bytes()) for path in (received / "mail").glob("*.eml")]
    assert sum(mail["To"] == "marca@example.com" for mail in mails) == 1
    told = [mail for mail in mails if mail["To"] == "dados@example.com"]
    assert any("vendas_ouchhungry/arquivos" in str(mail["Subject"]) for mail in told)
    for words in ("failed delivery.connection", "delivered", "agree", "revenue that stays visible"):
        assert words in said
    assert "DISAGREE" not in said
