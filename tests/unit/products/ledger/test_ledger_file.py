from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afluente.core.errors import StateError
from afluente.products.privacy.ledger_file import read_ledger, write_ledger
from afluente.products.privacy.region import Region, Told

TEXT = st.text(max_size=8)
REGIONS = st.builds(
    Region,
    TEXT,
    TEXT,
    st.dates(),
    st.dates(),
    TEXT,
    TEXT,
    st.lists(TEXT, max_size=3).map(tuple),
    st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple),
)
TOLD = st.builds(
    Told,
    REGIONS,
    st.sampled_from(["sum", "distinct", "count", "share"]),
    TEXT,
    st.floats(allow_nan=False),
    st.floats(allow_nan=False),
    TEXT,
    TEXT,
    version=st.integers(0, 2**40),
    entity=TEXT,
    own=st.lists(TEXT, max_size=2).map(tuple),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TOLD, max_size=6), st.randoms(use_true_random=False))
def test_what_was_told_is_read_back_and_the_same_statements_are_the_same_bytes(
    tmp_path: Path, told: list[Told], random: object
) -> None:
    write_ledger(tmp_path / "a.parquet", told)
    random.shuffle(told)
    write_ledger(tmp_path / "b.parquet", [replace(one, position=9) for one in told])
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert set(read_ledger(tmp_path / "a.parquet", position=4)) == {replace(one, position=4) for one in told}


def test_a_file_is_written_into_a_folder_that_is_made_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "parceira" / "r-1" / "vendas.parquet"
    region = Region("gold.vendas", "", dt.date(2026, 6, 1), dt.date(2026, 6, 30), "dia")
    write_ledger(path, [Told(region, "count", "", 7, 7, "vendas", "r-1")])
    assert [file.name for file in path.parent.iterdir()] == ["vendas.parquet"]


@pytest.mark.parametrize("content", [b"", b"PAR1 nothing"])
def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(StateError) as caught:
        read_ledger(tmp_path / "x.parquet")
    assert caught.value.code == "ledger.unreadable"


def test_a_parquet_file_of_something_else_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": [1]}), tmp_path / "x.parquet")
    with pytest.raises(StateError):
        read_ledger(tmp_path / "x.parquet")
