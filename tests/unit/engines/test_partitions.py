"""Partition values as folders spell them."""

from __future__ import annotations

from urllib.parse import quote

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afluente.core.errors import EngineError
from afluente.engines.partitions import NULL_FOLDER, check_partition_columns, folder_values


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda value: value != NULL_FOLDER))
def test_any_value_is_read_back_from_its_folder(value: str) -> None:
    path = f"part-1/uf={quote(value, safe=' ')}/x.parquet"
    assert folder_values(path, ["uf"]) == {"uf": value}


def test_the_null_folder_is_none_and_other_folders_are_passed_over() -> None:
    assert folder_values(f"part-1/uf={NULL_FOLDER}/dia=2024-01-01/x.parquet", ["dia", "uf"]) == {
        "dia": "2024-01-01",
        "uf": None,
    }


def test_partitioning_by_every_column_is_refused() -> None:
    with pytest.raises(EngineError) as caught:
        check_partition_columns(pa.schema([("uf", pa.string())]), ["uf"])
    assert caught.value.code == "engine.type_unsupported"


def test_a_misspelled_partition_column_gets_the_right_name() -> None:
    with pytest.raises(EngineError) as caught:
        check_partition_columns(pa.schema([("uf", pa.string()), ("id", pa.int64())]), ["ufs"])
    assert caught.value.hint == "did you mean 'uf'?"
