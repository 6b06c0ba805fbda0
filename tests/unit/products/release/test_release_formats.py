from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from afluente.core.errors import AfluenteError
from afluente.products.release.formats.formula import STARTERS, neutral, neutral_column, restored
from afluente.products.release.formats.write import write_format

FORMATS = ("csv", "jsonl", "parquet", "xlsx")
ATTACKS = [
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(A1:A9)",
    "\t=1",
    "\r=1",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    "\n=1",
    '=HYPERLINK("http://x","y")',
]


def sales() -> pa.Table:
    return pa.table(
        {
            "dia": pa.array([date(2026, 1, 1), date(2026, 1, 2), None], pa.date32()),
            "cidade": pa.array(["São Paulo", '=SUM(1,"2")', ""], pa.string()),
            "unidades": pa.array([-3, 2**60, None], pa.int64()),
            "receita": pa.array([Decimal("-1.50"), Decimal("12345678901234.99"), None], pa.decimal128(18, 2)),
            "preco": pa.array([0.1, float("nan"), 1e300], pa.float64()),
            "novo": pa.array([True, False, None], pa.bool_()),
            "em": pa.array([datetime(2026, 1, 1, 3, tzinfo=UTC), None, None], pa.timestamp("us", tz="UTC")),
        }
    )


def written(folder: Path, table: pa.Table, form: str) -> Path:
    path = folder / f"dados.{form}"
    write_format(path, table, form)
    return path


def test_csv_tells_null_from_empty_and_keeps_negative_numbers(tmp_path: Path) -> None:
    text = written(tmp_path, sales(), "csv").read_text(encoding="utf-8")
    assert text.splitlines() == [
        "dia,cidade,unidades,receita,preco,novo,em",
        "2026-01-01,São Paulo,-3,-1.50,0.1,true,2026-01-01T03:00:00.000000Z",
        '2026-01-02,"\'=SUM(1,""2"")",1152921504606846976,12345678901234.99,,false,',
        ',"",,,1e+300,,',
    ]


@pytest.mark.parametrize("attack", ATTACKS)
def test_csv_holds_no_cell_that_a_spreadsheet_would_calculate(tmp_path: Path, attack: str) -> None:
    table = pa.table({"texto": pa.array([attack], pa.string()), "numero": pa.array([-1], pa.int64())})
    with written(tmp_path, table, "csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[1][0][0] == "'"
    assert rows[1] == [f"'{attack}", "-1"]
    assert restored(rows[1][0]) == attack


@given(st.text(alphabet=st.sampled_from([*STARTERS, "'", "a", " "]), max_size=6))
def test_neutral_text_can_always_be_restored(text: str) -> None:
    assert restored(neutral(text)) == text
    assert neutral_column(pa.array([text, None], pa.string())).to_pylist() == [neutral(text), None]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=12).filter(lambda t: "\x00" not in t)), min_size=1, max_size=5))
def test_csv_and_json_lines_give_back_every_text(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("formats")
    table = pa.table({"a": pa.array(texts, pa.string()), "b": pa.array(range(len(texts)), pa.int64())})
    with written(folder, table, "csv").open(encoding="utf-8", newline="") as file:
        assert [restored(row[0]) for row in csv.reader(file)][1:] == [text or "" for text in texts]
    lines = written(folder, table, "jsonl").read_bytes().decode().split("\n")[:-1]
    assert [json.loads(line)["a"] for line in lines] == texts


def test_json_lines_keep_the_digits_of_decimals(tmp_path: Path) -> None:
    lines = written(tmp_path, sales(), "jsonl").read_text(encoding="utf-8").split("\n")
    assert '"receita":12345678901234.99' in lines[1]
    assert json.loads(lines[1])["preco"] is None
    assert json.loads(lines[0])["em"] == "2026-01-01T03:00:00.000000Z"
    assert list(json.loads(lines[0])) == sales().column_names


def test_parquet_keeps_types_and_tells_nothing_of_who_wrote_it(tmp_path: Path) -> None:
    table = sales().replace_schema_metadata({"pandas": "{}", "machine": "laptop"})
    read = pq.read_table(written(tmp_path, table, "parquet"))
    assert read.schema.equals(sales().schema)
    assert read.schema.metadata is None
    assert read.drop_columns(["preco"]).equals(sales().drop_columns(["preco"]))


def test_xlsx_writes_text_as_text_and_days_as_days(tmp_path: Path) -> None:
    book = load_workbook(written(tmp_path, sales(), "xlsx"))
    rows = list(book.active.values)
    assert rows[0] == tuple(sales().column_names)
    assert rows[1][:4] == (datetime(2026, 1, 1), "São Paulo", -3, -1.5)
    assert rows[2][1:3] == ('=SUM(1,"2")', str(2**60))
    assert book.active["B3"].data_type == "s"
    assert book.properties.created == datetime(2000, 1, 1)


@pytest.mark.parametrize("attack", ATTACKS)
def test_xlsx_holds_no_formula(tmp_path: Path, attack: str) -> None:
    table = pa.table({"texto": pa.array([attack], pa.string())})
    cell = load_workbook(written(tmp_path, table, "xlsx")).active["A2"]
    assert cell.data_type in ("s", "inlineStr")


def test_xlsx_refuses_what_a_sheet_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(AfluenteError) as refused:
        written(tmp_path, pa.table({"n": pa.nulls(1_048_576, pa.int64())}), "xlsx")
    assert refused.value.code == "release.xlsx_rows"


@pytest.mark.parametrize("form", FORMATS)
def test_files_do_not_depend_on_the_pieces_a_table_came_in(tmp_path: Path, form: str) -> None:
    whole = pa.table({"n": pa.array(range(70_000), pa.int64()), "t": pa.array(["a", "=b"] * 35_000, pa.string())})
    pieces = pa.concat_tables([whole.slice(0, 11), whole.slice(11, 40_000), whole.slice(40_011)])
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert written(tmp_path / "a", whole, form).read_bytes() == written(tmp_path / "b", pieces, form).read_bytes()


WRITER = """
import sys; from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.unit.products.release.test_release_formats import FORMATS, sales, written
for form in FORMATS: written(Path(sys.argv[1]), sales(), form)
"""


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[4])
    digests = []
    for seed, zone in (("1", "America/Sao_Paulo"), ("2", "Asia/Tokyo")):
        folder = tmp_path / seed
        folder.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C"}
        subprocess.run([sys.executable, "-c", WRITER, str(folder), root], env=environment, check=True)
        digests.append({p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())})
    assert digests[0] == digests[1]
    assert len(digests[0]) == len(FORMATS)


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_table_is_a_file_with_its_columns(tmp_path: Path, form: str) -> None:
    path = written(tmp_path, sales().slice(0, 0), form)
    assert path.exists()
    if form == "csv":
        assert path.read_text(encoding="utf-8") == "dia,cidade,unidades,receita,preco,novo,em\n"
    if form == "parquet":
        assert pq.read_table(path).schema.equals(sales().schema)
