"""Rows that are new in a release."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from afluente.products.privacy.cohorts import cohorts_of

ROW = st.tuples(st.sampled_from("abc"), st.integers(0, 2) | st.none())
SCHEMA = pa.schema([("k", pa.string()), ("n", pa.int64())])


def table(rows: list[tuple[str, int | None]]) -> pa.Table:
    return pa.table({"k": [row[0] for row in rows], "n": [row[1] for row in rows]}, schema=SCHEMA)


def test_a_row_is_of_the_first_release_that_had_it() -> None:
    told = [table([("a", 1)]), table([("a", 1), ("b", None)])]

    assert cohorts_of(table([("b", None), ("a", 1), ("c", 1)]), told).tolist() == [1, 0, 2]


def test_without_releases_all_rows_are_of_one_cohort() -> None:
    assert cohorts_of(table([("b", None), ("a", 1)]), []).tolist() == [0, 0]


@given(now=st.lists(ROW, max_size=20), before=st.lists(st.lists(ROW, max_size=20), max_size=3))
def test_of_rows_that_are_alike_as_many_are_old_as_there_were(
    now: list[tuple[str, int | None]], before: list[list[tuple[str, int | None]]]
) -> None:
    cohort = cohorts_of(table(now), [table(rows) for rows in before]).tolist()

    for row, there in Counter(now).items():
        most = 0
        for number, rows in enumerate(before):
            most = max(most, rows.count(row))
            told = sum(one == row and of <= number for one, of in zip(now, cohort, strict=True))
            assert told == min(there, most)
