"""Bad input: each kind ends with its exit status, a code and a hint, no traceback, and the tables as they were."""

from __future__ import annotations

import gzip
import os
import re
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from loja import COMMAND, assert_equal, finish, tables

from afluente.cli.main import main
from afluente.runs import workflow

HEADER = "pedido,dia,valor\n"
ROWS = "".join(f"{n},2026-03-{n % 28 + 1:02},{n}.50\n" for n in range(1, 41))
SETTINGS = """
name: banca
timezone: America/Sao_Paulo
lake: lake
state: sqlite:///.afluente/state.db
engine: duckdb
sources:
  pedidos: {connector: files, path: "dados/pedidos*.csv", format: csv, into: bronze.pedidos}
"""
CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: banca.pedidos
version: "1.0.0"
status: active
schema:
  - name: pedidos
    physicalName: silver.pedidos
    customProperties:
      - {property: from, value: bronze.pedidos}
      - {property: write, value: append}
    properties:
      - {name: pedido, logicalType: integer, physicalType: bigint, required: true}
      - {name: dia, logicalType: date, required: true, logicalTypeOptions: {format: yyyy-MM-dd}}
      - {name: valor, logicalType: number, physicalType: "decimal(18,2)", required: true}
"""
MODEL = """/* ---
description: Soma
owner: banca
columns:
  - {name: pedidos, type: bigint}
  - {name: receita, type: "decimal(18,2)"}
--- */
SELECT count(*) AS pedidos, sum(valor) AS receita FROM silver.pedidos
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with one source, one contract and one model, run once. Nobody changes it."""
    yield made_in(tmp_path_factory.mktemp("ran") / "banca")


def made_in(folder: Path, *, engine: str = "duckdb") -> Path:
    """Write that project and run it."""
    for part in ("contracts", "models", "dados"):
        (folder / part).mkdir(parents=True)
    text = SETTINGS.lstrip().replace("engine: duckdb", f"engine: {engine}")
    (folder / "afluente.yaml").write_text(text, encoding="utf-8")
    (folder / "contracts" / "pedidos.odcs.yaml").write_text(CONTRACT, encoding="utf-8")
    (folder / "models" / "total.sql").write_text(MODEL, encoding="utf-8")
    (folder / "dados" / "pedidos1.csv").write_text(HEADER + ROWS, encoding="utf-8")
    assert main(["-C", str(folder), "run"]) == 0
    workflow.shut_down()
    return folder


@pytest.fixture
def banca(ran: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of that project with its tables and its state."""
    yield Path(shutil.copytree(ran, tmp_path / "banca"))
    workflow.shut_down()


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(banca: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command in this process: its exit status and what it said on standard error."""

    def call(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        status = main(["-C", str(banca), *(words or ("run",))])
        return status, capsys.readouterr().err

    return call


def replace_in(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def settings(folder: Path, before: str, after: str) -> None:
    replace_in(folder / "afluente.yaml", before, after)


def contract(folder: Path, before: str, after: str) -> None:
    replace_in(folder / "contracts" / "pedidos.odcs.yaml", before, after)


def model(folder: Path, before: str, after: str) -> None:
    replace_in(folder / "models" / "total.sql", before, after)


def more(folder: Path, content: bytes | str, name: str = "pedidos2.csv") -> None:
    path = folder / "dados" / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def garbage(path: Path) -> None:
    for aside in ("-wal", "-shm"):
        Path(f"{path}{aside}").unlink(missing_ok=True)
    path.write_bytes(b"this is no database\n" * 400)


def garbage_history(folder: Path) -> None:
    garbage(folder / ".afluente" / "runs.db")
    more(folder, HEADER + "41,2026-03-01,1.00\n")


def cut_gzip(folder: Path) -> None:
    settings(folder, "pedidos*.csv", "pedidos*")
    more(folder, gzip.compress((HEADER + ROWS * 200).encode())[:-200], "pedidos2.csv.gz")


def type_changed(folder: Path) -> None:
    settings(folder, "dados/pedidos*.csv", "dados/pedidos*.parquet")
    settings(folder, "format: csv", "format: parquet")
    pa.parquet.write_table(pa.table({"pedido": [7]}), folder / "dados" / "pedidos7.parquet")


def cut_parquet(folder: Path) -> None:
    settings(folder, "dados/pedidos*.csv", "dados/pedidos*")
    settings(folder, "format: csv, ", "")
    pa.parquet.write_table(pa.table({"pedido": list(range(5000))}), folder / "dados" / "pedidos7.parquet")
    path = folder / "dados" / "pedidos7.parquet"
    path.write_bytes(path.read_bytes()[:-300])


def model_cycle(folder: Path) -> None:
    model(folder, "silver.pedidos", "gold.outra")
    (folder / "models" / "outra.sql").write_text(MODEL.replace("silver.pedidos", "gold.total"), encoding="utf-8")


def contract_cycle(folder: Path) -> None:
    text = CONTRACT.replace("pedidos", "itens").replace("- {name: pedido,", "- {name: item,")
    more_text = "        relationships: [{to: silver.pedidos.pedido}]\n"
    (folder / "contracts" / "itens.odcs.yaml").write_text(text + more_text, encoding="utf-8")
    settings(
        folder,
        "into: bronze.pedidos}",
        'into: bronze.pedidos}\n  itens: {connector: files, path: "dados/itens.csv", format: csv, into: bronze.itens}',
    )
    more(folder, HEADER.replace("pedido", "item") + ROWS, "itens.csv")
    replace_in(folder / "contracts" / "itens.odcs.yaml", more_text, "")
    for name, other, column in (("itens", "pedidos.pedido", "item"), ("pedidos", "itens.item", "pedido")):
        replace_in(
            folder / "contracts" / f"{name}.odcs.yaml",
            f"{{name: {column}, logicalType: integer, physicalType: bigint, required: true}}",
            f"{{name: {column}, logicalType: integer, physicalType: bigint, required: true, "
            f"relationships: [{{to: silver.{other}}}]}}",
        )


def wide(folder: Path) -> None:
    names = ",".join(f"c{n}" for n in range(10_000))
    more(folder, f"{names}\n{','.join('1' * 10_000)}\n")


def symlink_loop(folder: Path) -> None:
    settings(folder, "dados/pedidos*.csv", "dados/volta.csv")
    (folder / "dados" / "volta.csv").symlink_to(folder / "dados" / "volta.csv")


def folder_for_file(folder: Path) -> None:
    settings(folder, "dados/pedidos*.csv", "dados/pasta.csv")
    (folder / "dados" / "pasta.csv").mkdir()


def file_for_table(folder: Path) -> None:
    shutil.rmtree(folder / "lake" / "silver" / "pedidos")
    (folder / "lake" / "silver" / "pedidos").write_text("a file", encoding="utf-8")
    more(folder, HEADER + "41,2026-03-01,1.00\n")


def corrupt_bronze(folder: Path) -> None:
    for path in (folder / "lake" / "bronze" / "pedidos").glob("*.parquet"):
        path.write_bytes(b"PAR1" + b"\0" * (path.stat().st_size - 8) + b"PAR1")
    contract(folder, 'version: "1.0.0"', 'version: "1.0.1"')


def missing_bronze_file(folder: Path) -> None:
    for path in (folder / "lake" / "bronze" / "pedidos").glob("*.parquet"):
        path.unlink()
    contract(folder, 'version: "1.0.0"', 'version: "1.0.1"')


def corrupt_log(folder: Path) -> None:
    path = next((folder / "lake" / "silver" / "pedidos" / "_delta_log").glob("*.json"))
    path.write_text("{", encoding="utf-8")
    more(folder, HEADER + "41,2026-03-01,1.00\n")


CASES: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "a missing file": (lambda f: settings(f, "pedidos*.csv", "pedido.csv"), 1, "source.file_missing"),
    "an unknown encoding": (lambda f: settings(f, "format: csv", "format: csv, encoding: latim-1"), 2, "source.option"),
    "bytes of another encoding": (
        lambda f: more(f, HEADER.encode() + b"41,2026-03-01,\xe7\xff\n"),
        1,
        "source.encoding",
    ),
    "a column that never comes": (lambda f: contract(f, "name: valor", "name: preco"), 3, "contract.column_absent"),
    "a type that changed": (type_changed, 1, "source.type_changed"),
    "an empty file": (lambda f: more(f, ""), 1, "source.file_empty"),
    "a gzip cut in the middle": (cut_gzip, 1, "source.file_cut"),
    "a parquet cut in the middle": (cut_parquet, 1, "source.file_cut"),
    "ten thousand columns": (wide, 1, "source.too_many_columns"),
    "a cycle between models": (model_cycle, 2, "model.cycle"),
    "a cycle between contracts": (contract_cycle, 2, "project.cycle"),
    "sql that does not parse": (lambda f: model(f, "SELECT count", "SELEC count"), 2, "model.syntax"),
    "broken yaml": (lambda f: settings(f, "sources:", "sources: ["), 2, "project.yaml_syntax"),
    "a state that is garbage": (lambda f: garbage(f / ".afluente" / "state.db"), 1, "state.corrupt"),
    "a workflow history that is garbage": (garbage_history, 1, "state."),
    "a secret that is not set": (
        lambda f: settings(f, "sqlite:///.afluente/state.db", "secret:env:AFLUENTE_TEST_NOT_SET"),
        2,
        "secret",
    ),
    "a symlink loop": (symlink_loop, 1, "source.file_missing"),
    "a folder where a file is expected": (folder_for_file, 1, "source.file_missing"),
    "a file where a table is expected": (file_for_table, 1, "lake.failed"),
    "bronze files of zeros": (corrupt_bronze, 1, "engine.file_damaged"),
    "bronze files that are gone": (missing_bronze_file, 1, "engine.file_missing"),
    "a log cut off": (corrupt_log, 1, "lake.log_corrupted"),
}
DAMAGED = {"a log cut off", "bronze files of zeros", "bronze files that are gone", "a file where a table is expected"}
TAKEN: dict[str, tuple[Callable[[Path], object], int]] = {
    "a header only": (lambda f: more(f, HEADER), 0),
    "a file that lacks a column": (lambda f: more(f, "pedido,dia\n41,2026-03-01\n"), 0),
    "a quote that never closes": (lambda f: more(f, HEADER + '41,"2026-03-01,1.00\n42,2026-03-01,1.00\n'), 1),
    "a header in another case": (lambda f: more(f, "Pedido,DIA,valor\n41,2026-03-01,1.00\n"), 1),
    "a column twice": (lambda f: more(f, "pedido,dia,valor,valor\n41,2026-03-01,1.00,2\n"), 1),
    "a record of 20 MB": (lambda f: more(f, HEADER + '41,2026-03-01,"' + "9" * (20 << 20) + '"\n'), 0),
    "a name that is not utf-8": (
        lambda f: more(f, HEADER + "41,2026-03-01,1.00\n", os.fsdecode(b"pedidos\xff.csv")),
        1,
    ),
}


def assert_told(said: str, code: str) -> None:
    assert "Traceback" not in said
    assert "unexpected" not in said
    assert re.search(rf"error\[{re.escape(code)}", said), said
    assert "hint: " in said


def assert_told_and_kept(case: str, banca: Path, run: Run) -> None:
    """A case gets its status, code and hint, and what was committed stays as it was."""
    spoil, status, code = CASES[case]
    before = tables(banca / "lake")
    spoil(banca)
    ended, said = run()
    assert ended == status, said
    assert_told(said, code)
    if case not in DAMAGED:
        assert_equal(tables(banca / "lake"), before)


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_told_and_loses_nothing(case: str, banca: Path, run: Run) -> None:
    assert_told_and_kept(case, banca, run)


@pytest.mark.parametrize("case", TAKEN)
def test_odd_input_is_taken_row_by_row(case: str, banca: Path, run: Run) -> None:
    bring, more_rows = TAKEN[case]
    before = tables(banca / "lake")["silver.pedidos"]
    bring(banca)
    status, said = run()
    assert status == 0, said
    after = tables(banca / "lake")["silver.pedidos"]
    assert not before - after
    assert sum(after.values()) == sum(before.values()) + more_rows


def test_an_unknown_table_is_told_with_the_nearest_name(run: Run) -> None:
    status, said = run("run", "gold.totl")
    assert status == 2
    assert_told(said, "run.table_unknown")
    assert "gold.total" in said


LOSSES: dict[str, Callable[[Path], object]] = {
    "the lake": lambda f: shutil.rmtree(f / "lake"),
    "bronze": lambda f: shutil.rmtree(f / "lake" / "bronze"),
    "silver": lambda f: shutil.rmtree(f / "lake" / "silver"),
    "the state": lambda f: shutil.rmtree(f / ".afluente"),
    "the workflow history": lambda f: [path.unlink() for path in (f / ".afluente").glob("runs.db*")],
    "the landing": lambda f: shutil.rmtree(f / "lake" / "landing"),
    "a damaged table, removed": lambda f: (corrupt_bronze(f), shutil.rmtree(f / "lake" / "bronze")),
}


@pytest.mark.parametrize("lost", LOSSES)
def test_what_is_lost_between_runs_is_made_again_and_not_doubled(lost: str, banca: Path, run: Run) -> None:
    more(banca, HEADER + "41,2026-03-01,1.00\n")
    assert run()[0] == 0
    before = tables(banca / "lake")
    LOSSES[lost](banca)
    for _ in range(2):
        status, said = run()
        assert status == 0, said
        assert_equal(tables(banca / "lake"), before)


def test_bronze_made_again_up_to_the_same_version_is_seen(banca: Path, run: Run) -> None:
    """The version alone would not tell that the rows are others."""
    before = tables(banca / "lake")["silver.pedidos"]
    shutil.rmtree(banca / "lake" / "bronze")
    (banca / "dados" / "pedidos1.csv").write_text(HEADER + "1,2026-03-01,7.00\n", encoding="utf-8")
    assert run()[0] == 0
    after = tables(banca / "lake")["silver.pedidos"]
    assert sum(after.values()) == 1
    assert not after & before


def test_a_full_disk_is_told_and_the_next_run_goes_on(banca: Path) -> None:
    lines = "".join(f"{n},2026-03-{n % 28 + 1:02},{n}.25\n" for n in range(41, 60_000))
    before = tables(banca / "lake")
    more(banca, HEADER + lines)

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    limited = subprocess.run(
        [str(COMMAND), "-C", str(banca), "run"],
        capture_output=True,
        text=True,
        preexec_fn=small_files,
        check=False,
    )
    assert limited.returncode == 1, limited.stderr
    assert_told(limited.stderr, "")
    assert_equal(tables(banca / "lake"), before)
    status, _, said = finish(banca)
    assert status == 0, said
    assert sum(tables(banca / "lake")["silver.pedidos"].values()) == 59_999


def test_a_read_only_lake_is_told(banca: Path, run: Run) -> None:
    more(banca, HEADER + "41,2026-03-01,1.00\n")
    lake = banca / "lake"
    before = tables(lake)
    mounted = subprocess.run(["mount", "--bind", str(lake), str(lake)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a read-only mount cannot be made here")
    try:
        read_only = subprocess.run(["mount", "-o", "remount,bind,ro", str(lake)], capture_output=True, check=False)
        if read_only.returncode:
            pytest.skip("a read-only mount cannot be made here")
        status, said = run()
        assert status == 1, said
        assert_told(said, "lake.read_only")
    finally:
        subprocess.run(["umount", str(lake)], check=True)
    assert_equal(tables(lake), before)
    assert run()[0] == 0
