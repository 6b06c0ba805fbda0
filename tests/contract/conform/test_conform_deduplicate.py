"""Of rows that repeat each other, every engine keeps the same one, and says which gave way."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from afluente.core.errors import ProjectError
from afluente.engines.engine import Engine
from afluente.project.contract import Deduplicate
from tests.unit.conform.workbench import bronze, column, conform, contract

COLUMNS = (column("id", None, "integer"), column("em", None, "date"), column("nome", "text"))
ROWS = {
    "id": ["1", "1", "1", "2", "2", None, None],
    "em": ["2024-01-01", "2024-01-03", "2024-01-02", "2024-01-01", "2024-01-01", None, None],
    "nome": ["a", None, "c", "x", "x", "n", "n"],
}


@pytest.mark.parametrize(
    ("keep", "by", "kept"),
    [("latest", "em", None), ("first", "em", "a"), ("most_complete", "em", "c"), ("first", None, "a")],
)
def test_one_row_a_key_is_kept_and_the_rest_are_duplicates(
    engine: Engine, tmp_path: Path, keep: str, by: str | None, kept: str | None
) -> None:
    asked = contract(*COLUMNS, deduplicate=Deduplicate(("id",), keep, by))  # type: ignore[arg-type]
    done = conform(engine, asked, bronze(**ROWS), tmp_path)
    assert sorted((r["nome"] for r in done.silver if r["id"] == 1), key=str) == [kept]
    assert sum(r["id"] == 2 for r in done.silver) == 1
    assert sum(r["id"] is None for r in done.silver) == 2
    report = done.conformed.report
    assert (report.duplicates.exact, report.duplicates.conflicting) == (1, 2)
    row = {None: 2, "a": 1, "c": 3}[kept]
    assert [(r, k) for _, r, _, k in report.duplicates.samples] == [(n, row) for n in (1, 2, 3) if n != row]


def test_ties_are_broken_by_origin(engine: Engine, tmp_path: Path) -> None:
    tables = [bronze(f"f{i}.csv", id=["1", "1"], em=[None, None], nome=[f"{i}a", f"{i}b"]) for i in (2, 1)]
    for keep, name in (("latest", "2b"), ("first", "1a"), ("most_complete", "2b")):
        asked = contract(*COLUMNS, deduplicate=Deduplicate(("id",), keep, "em"))  # type: ignore[arg-type]
        done = conform(engine, asked, tables, tmp_path, chunk_rows=1)
        assert [r["nome"] for r in done.silver] == [name]


def test_an_invalid_row_never_displaces_a_valid_one(engine: Engine, tmp_path: Path) -> None:
    columns = (column("id", None, "integer"), column("em", None, "date"), column("cpf", "br.cpf"))
    asked = contract(*columns, deduplicate=Deduplicate(("id",), "latest", "em"))
    rows = bronze(id=["1", "1"], em=["2024-01-01", "2024-12-31"], cpf=["39053344705", "1"])
    done = conform(engine, asked, rows, tmp_path)
    assert [r["em"] for r in done.silver] == [date(2024, 1, 1)]
    assert [r["_source_row"] for r in done.quarantine] == [2]
    assert done.conformed.report.duplicates.rows == 0


def test_rows_equal_in_every_conformed_column_are_kept_once(engine: Engine, tmp_path: Path) -> None:
    asked = contract(*COLUMNS, deduplicate=Deduplicate())
    tables = [
        bronze("a", id=["1", "01", None], em=["2024-01-01", "2024-01-01", None], nome=["x", " x ", None]),
        bronze("b", id=["1", "1", None], em=["2024-01-01", "2024-01-02", None], nome=["x", "x", None]),
    ]
    done = conform(engine, asked, tables, tmp_path, chunk_rows=1)
    assert len(done.silver) == done.conformed.report.accepted == 3
    assert (done.conformed.report.duplicates.exact, done.conformed.report.duplicates.conflicting) == (3, 0)


def test_keys_are_compared_as_conformed(engine: Engine, tmp_path: Path) -> None:
    columns = (column("cpf", "br.cpf"), column("em", None, "date"))
    asked = contract(*columns, deduplicate=Deduplicate(("cpf",), "latest", "em"))
    rows = bronze(cpf=["390.533.447-05", "39053344705"], em=["2024-01-02", "2024-01-01"])
    done = conform(engine, asked, rows, tmp_path)
    assert [r["em"] for r in done.silver] == [date(2024, 1, 2)]


@pytest.mark.parametrize("options", [{}, {"chunk_rows": 1}], ids=["in one piece", "in chunks"])
def test_a_row_older_than_the_tables_own_gives_way_in_an_upsert(
    options: dict[str, int], engine: Engine, tmp_path: Path
) -> None:
    there = pa.table({"id": [1, 2, 3], "em": [date(2024, 5, 1), date(2024, 5, 1), None], "nome": ["p", "q", "r"]})
    engine.register_arrow("there", there)
    asked = contract(*COLUMNS, write="upsert", deduplicate=Deduplicate(("id",), "latest", "em"))
    rows = bronze(
        id=["1", "2", "3", "4", "1", "5"],
        em=["2024-04-30", "2024-05-01", "2020-01-01", "2020-01-01", "2024-04-01", None],
        nome=["old", "same", "was null", "new", "older", "no date"],
    )
    done = conform(engine, asked, rows, tmp_path, existing="there", **options)
    assert sorted(r["nome"] for r in done.silver) == ["new", "no date", "same", "was null"]
    report = done.conformed.report
    assert (report.duplicates.exact, report.duplicates.conflicting, report.duplicates.stale) == (0, 0, 2)
    assert report.accepted == 4
    assert report.rows_in == report.accepted + report.quarantined + report.dropped + report.duplicates.rows
    engine.drop("there")


def test_a_stale_row_that_is_wrong_is_quarantined_and_not_lost(engine: Engine, tmp_path: Path) -> None:
    engine.register_arrow("there", pa.table({"id": [1], "em": [date(2024, 5, 1)]}))
    columns = (column("id", None, "integer"), column("em", None, "date"), column("cpf", "br.cpf"))
    asked = contract(*columns, write="upsert", deduplicate=Deduplicate(("id",), "latest", "em"))
    done = conform(engine, asked, bronze(id=["1"], em=["2024-01-01"], cpf=["1"]), tmp_path, existing="there")
    assert [r["_source_row"] for r in done.quarantine] == [1]
    assert done.conformed.report.duplicates.rows == 0
    engine.drop("there")


def test_a_key_that_is_looked_up_is_refused(engine: Engine, tmp_path: Path) -> None:
    asked = contract(column("cidade", "br.municipality"), deduplicate=Deduplicate(("cidade",), "first"))
    with pytest.raises(ProjectError) as caught:
        conform(engine, asked, bronze(cidade=["x"]), tmp_path)
    assert caught.value.code == "contract.key_is_looked_up"
