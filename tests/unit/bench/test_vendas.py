"""The generated bronze table: the shares of dirt it promises, and that a seed decides it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from stdnum.br import cpf

from bench.job import SOURCE_COLUMNS
from bench.semantic_values import semantic_values
from bench.vendas import BRONZE_SCHEMA, bronze, rows_of_chunk

ROWS = 40_000


def _rows(seed: int = 7) -> pa.Table:
    return rows_of_chunk(0, first=0, count=ROWS, rows=ROWS, seed=seed)


def test_equal_seeds_give_equal_rows_and_other_seeds_others() -> None:
    assert _rows(3).equals(_rows(3))
    assert not _rows(3).equals(_rows(4))


def test_source_columns_are_text_and_one_in_a_hundred_is_null() -> None:
    rows = _rows()
    assert rows.schema.equals(BRONZE_SCHEMA)
    for column in SOURCE_COLUMNS:
        assert 0.006 < rows[column].null_count / ROWS < 0.014


def test_one_row_in_twenty_repeats_an_id_with_another_instant() -> None:
    rows = _rows().to_pylist()
    repeats = [row for number, row in enumerate(rows) if number % 20 == 19]
    others = [row for number, row in enumerate(rows) if number % 20 != 19 and (row["id"] or "").isdigit()]
    originals = {row["id"]: row for row in others}
    known = [row for row in repeats if row["id"] in originals]
    assert len(known) > 0.9 * len(repeats)
    assert all(row["updated_at"] != originals[row["id"]]["updated_at"] for row in known)
    assert len(originals) == len(others)


def test_one_cpf_in_twenty_is_false() -> None:
    given = [value.replace(".", "").replace("-", "") for value in _rows()["cpf"].to_pylist() if value]
    false = sum(1 for value in given if not cpf.is_valid(value.zfill(11)) or len(set(value)) == 1)
    assert 0.045 < false / len(given) < 0.055
    assert any(len(value) < 11 for value in given)


def test_the_table_is_made_once_and_holds_every_row(tmp_path: Path) -> None:
    made = bronze(tmp_path, rows=2_000, seed=5)
    version = (made / "_delta_log").stat().st_mtime_ns
    assert bronze(tmp_path, rows=2_000, seed=5) == made
    assert (made / "_delta_log").stat().st_mtime_ns == version
    assert DeltaTable(str(made)).to_pyarrow_table().num_rows == 2_000


def test_semantic_values_have_no_nulls_and_mostly_right_check_digits() -> None:
    values = semantic_values(rows=2_000, seed=1)
    assert all(values[name].null_count == 0 for name in values.column_names)
    assert pc.count_distinct(values["gtin"]).as_py() > 1_900
