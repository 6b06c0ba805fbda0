"""The hand-written conform jobs leave the same tables, so a race between them is one race."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable
from stdnum.br import cnpj, cpf

from bench.job import RULES, TABLES
from bench.outcome import Outcome, read_outcome
from bench.peers import conform_duckdb, conform_polars
from bench.vendas import bronze

ROWS = 20_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("conform")
    source = bronze(root, rows=ROWS, seed=11)
    conform_polars.main(str(source), str(root / "polars"))
    conform_duckdb.main(str(source), str(root / "duckdb"))
    return root


@pytest.fixture(scope="module")
def outcome(folder: Path) -> Outcome:
    return read_outcome(folder / "polars")


def _files(table: Path) -> list[str]:
    return DeltaTable(str(table)).file_uris()


def _source(folder: Path) -> Path:
    return next(path for path in folder.iterdir() if path.name.startswith("vendas-"))


def test_polars_and_duckdb_leave_equal_tables(folder: Path, outcome: Outcome) -> None:
    assert read_outcome(folder / "duckdb").differences(outcome) == []


def test_every_rule_refuses_rows_and_every_repair_happens(folder: Path, outcome: Outcome) -> None:
    assert set(outcome.failures) == {rule.column for rule in RULES}
    assert min(outcome.repairs.values()) > 0
    for contender in ("polars", "duckdb"):
        found = duckdb.execute(
            'SELECT f.rule, f."column", f.reason FROM (SELECT unnest(failures) AS f FROM read_parquet($files))'
            " GROUP BY ALL",
            {"files": _files(folder / contender / "quarantine")},
        ).fetchall()
        assert set(found) == set(RULES)


def test_the_silver_schema_is_the_same_and_typed(folder: Path) -> None:
    schemas = [
        {field.name: str(field.type) for field in DeltaTable(str(folder / contender / "silver")).schema().fields}
        for contender in ("polars", "duckdb")
    ]
    assert schemas[0] == schemas[1]
    assert "decimal(12, 2)" in schemas[0]["preco"] or "decimal(12,2)" in schemas[0]["preco"]
    assert "timestamp" in schemas[0]["updated_at"]


def test_all_rows_are_in_silver_in_quarantine_or_superseded(folder: Path, outcome: Outcome) -> None:
    superseded = duckdb.execute(
        "SELECT sum(n - 1) FROM (SELECT count(*) AS n FROM read_parquet($bronze) AS b"
        " ANTI JOIN read_parquet($quarantine) AS q ON b._source = q._source AND b._source_row = q._source_row"
        " GROUP BY b.id)",
        {
            "bronze": _files(_source(folder)),
            "quarantine": _files(folder / "duckdb" / "quarantine"),
        },
    ).fetchall()[0][0]
    assert outcome.silver_rows + outcome.quarantine_rows + superseded == ROWS
    assert superseded > 0


def test_document_numbers_are_judged_as_an_independent_library_judges_them(
    folder: Path,
) -> None:
    kept = duckdb.execute(
        "SELECT cpf, cnpj FROM read_parquet($files)",
        {"files": _files(folder / "duckdb" / "silver")},
    ).fetchall()
    refused = duckdb.execute(
        'SELECT f."column", f.value FROM (SELECT unnest(failures) AS f FROM read_parquet($files))'
        " WHERE f.rule IN ('br.cpf', 'br.cnpj')",
        {"files": _files(folder / "duckdb" / "quarantine")},
    ).fetchall()
    sample = random.Random(3).sample(kept, 2_000)
    assert all(cpf.is_valid(number) for number, _ in sample if number)
    assert all(cnpj.is_valid(number) for _, number in sample if number)
    for column, value in refused:
        digits = value.replace(".", "").replace("-", "").replace("/", "")
        is_valid = cpf.is_valid(digits.zfill(11)) if column == "cpf" else cnpj.is_valid(digits)
        assert not is_valid or len(set(digits)) == 1


def test_every_table_is_committed_as_delta(folder: Path) -> None:
    for contender in ("polars", "duckdb"):
        for table in TABLES:
            assert DeltaTable(str(folder / contender / table)).version() == 0
