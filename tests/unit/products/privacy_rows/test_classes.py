"""Classes of persons, held against what an attacker counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from afluente.core.errors import Place
from afluente.products.privacy.classes import Classes, make_classes
from afluente.products.privacy.generalise import levels
from afluente.project.product import Generalise

CEP = Generalise("cep", Place("p"), keep=4)
UTC = "UTC"


def texts(values: Sequence[str | None]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


def shown(ladders: Sequence[Sequence[pa.ChunkedArray]], classes: Classes) -> list[tuple[object, ...]]:
    """What is told of each row."""
    columns = [
        [ladder[level][row].as_py() for row, level in enumerate(chosen.tolist())]
        for ladder, chosen in zip(ladders, classes.levels, strict=True)
    ]
    return list(zip(*columns, strict=True)) if columns else [()] * len(classes.is_kept)


ROWS = st.lists(
    st.tuples(
        st.integers(0, 12) | st.none(),
        st.sampled_from(["1000", "1001", "1010", "1011", "2000", "2001", "", "1"]) | st.none(),
        st.sampled_from(["A", "B", "C"]) | st.none(),
        st.sampled_from(["x", "y"]),
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(rows=ROWS, fewest=st.integers(2, 5), is_linked=st.booleans(), has_secret=st.booleans())
def test_no_class_that_is_kept_is_smaller_than_the_fewest_persons(
    rows: list[tuple[int | None, str | None, str | None, str]], fewest: int, is_linked: bool, has_secret: bool
) -> None:
    persons = pa.chunked_array([pa.array([row[0] for row in rows], pa.int64())])
    ladders = [
        levels(texts([row[1] for row in rows]), CEP, timezone=UTC),
        levels(texts([row[2] for row in rows]), None, timezone=UTC),
    ]

    classes = make_classes(
        ladders,
        persons=persons,
        links=[persons] if is_linked else [],
        sensitive=[texts([row[3] for row in rows])] if has_secret else [],
        minimum_persons=fewest,
    )

    told = shown(ladders, classes)
    kept = [number for number, is_kept in enumerate(classes.is_kept.tolist()) if is_kept]
    assert all(rows[number][0] is not None for number in kept)
    signature: dict[object, set[tuple[object, ...]]] = defaultdict(set)
    for number in kept:
        signature[rows[number][0] if is_linked else number].add(told[number])
    counted: dict[object, set[object]] = defaultdict(set)
    secrets: dict[object, set[str]] = defaultdict(set)
    for number in kept:
        one = frozenset(signature[rows[number][0] if is_linked else number])
        counted[one].add(rows[number][0])
        secrets[one].add(rows[number][3])
    assert all(len(found) >= fewest for found in counted.values())
    assert classes.smallest == min((len(found) for found in counted.values()), default=0)
    if has_secret:
        assert all(len(found) > 1 for found in secrets.values())
    if is_linked:
        dropped = {row[0] for number, row in enumerate(rows) if number not in kept}
        assert not dropped & {rows[number][0] for number in kept}


@settings(max_examples=100, deadline=None)
@given(rows=ROWS, fewest=st.integers(2, 4))
def test_rows_of_enough_persons_are_never_dropped_whole(
    rows: list[tuple[int | None, str | None, str | None, str]], fewest: int
) -> None:
    """At the last level everybody is alike, so that what is dropped are fewer persons than the fewest."""
    ladders = [levels(texts([row[1] for row in rows]), CEP, timezone=UTC)]
    persons = pa.chunked_array([pa.array([row[0] for row in rows], pa.int64())])

    classes = make_classes(ladders, persons=persons, minimum_persons=fewest)

    dropped = {row[0] for row, is_kept in zip(rows, classes.is_kept.tolist(), strict=True) if not is_kept}
    assert len(dropped - {None}) < fewest


def test_only_rows_of_small_classes_are_told_coarser() -> None:
    ceps = ["1000"] * 5 + ["2000", "2001", "2002", "2003", "2004"]
    ladders = [levels(texts(ceps), CEP, timezone=UTC)]

    classes = make_classes(ladders, persons=texts([str(n) for n in range(10)]), minimum_persons=5)

    assert [row[0] for row in shown(ladders, classes)] == ["1000"] * 5 + ["200"] * 5
    assert (classes.smallest, classes.coarser) == (5, 5)
    assert classes.is_kept.all()


def test_many_rows_of_one_person_are_no_class() -> None:
    ladders = [levels(texts(["1000"] * 50), CEP, timezone=UTC)]

    classes = make_classes(ladders, persons=texts(["one"] * 50), minimum_persons=3)

    assert not classes.is_kept.any()


def test_a_person_whose_linked_rows_are_alike_to_nobodys_is_told_coarser() -> None:
    """Each place has enough persons, but only one of them was in both."""
    persons = texts([*"abcd", *"efgh", "x", "x"])
    places = texts(["1000"] * 4 + ["2000"] * 4 + ["1000", "2000"])
    ladders = [levels(places, CEP, timezone=UTC)]

    apart = make_classes(ladders, persons=persons, minimum_persons=4)
    linked = make_classes(ladders, persons=persons, links=[persons], minimum_persons=4)

    assert apart.is_kept.all()
    assert linked.is_kept.tolist() == [True] * 8 + [False] * 2


def test_a_class_of_one_sensitive_value_is_told_coarser() -> None:
    diagnoses = texts(["flu"] * 4 + ["flu", "flu", "cold", "cold"])
    ladders = [levels(texts(["1000"] * 4 + ["1001"] * 4), CEP, timezone=UTC)]

    classes = make_classes(ladders, persons=texts([*"abcdefgh"]), sensitive=[diagnoses], minimum_persons=4)

    assert [row[0] for row in shown(ladders, classes)][4:] == ["1001"] * 4
    assert classes.is_kept.tolist() == [False] * 4 + [True] * 4


def test_nothing_in_gives_nothing() -> None:
    ladders = [levels(texts([]), CEP, timezone=UTC)]

    classes = make_classes(ladders, persons=texts([]), minimum_persons=5)

    assert (len(classes.is_kept), classes.smallest, classes.coarser) == (0, 0, 0)


def test_a_hundred_thousand_rows_come_to_classes() -> None:
    numbers = np.random.default_rng(7).integers(0, 20_000, 100_000)
    persons = pa.chunked_array([pa.array(numbers)])
    ceps = texts([f"{(number * 7919) % 9000 + 1000}" for number in numbers.tolist()])
    ladders = [levels(ceps, CEP, timezone=UTC)]

    classes = make_classes(ladders, persons=persons, links=[persons], minimum_persons=5)

    assert classes.smallest >= 5
    assert classes.is_kept.mean() > 0.99
