"""Attack 10: whoever knows a person's city, CEP and day of order looks for the rows that fit. Too few name the person."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa

from afluente.products.privacy.classes import make_classes

K = 5
RANDOM = np.random.default_rng(11)
PERSONS = RANDOM.integers(0, 400, 1_000)
CITY = np.array([f"cidade-{person % 4}" for person in PERSONS])
CEP = np.array([f"{59000 + person % 4 * 100 + person % 7:05d}{person % 500:03d}" for person in PERSONS])
DAY = np.array([f"2026-06-{day:02d}" for day in RANDOM.integers(1, 31, 1_000)])


def ladder(values: np.ndarray, *kept: int) -> list[pa.ChunkedArray]:
    levels = [pa.chunked_array([[value[:keep] for value in values.tolist()]]) for keep in kept]
    return [*levels, pa.chunked_array([pa.nulls(len(values), pa.string())])]


LADDERS = [ladder(CITY, 20), ladder(CEP, 8, 5, 3), ladder(DAY, 10, 7)]


def smallest_class(rows: list[tuple[object, ...]], persons: np.ndarray) -> int:
    classes = defaultdict(set)
    for row, person in zip(rows, persons.tolist(), strict=True):
        classes[row].add(person)
    return min(len(members) for members in classes.values())


def test_rows_as_they_are_name_persons() -> None:
    assert smallest_class(list(zip(CITY.tolist(), CEP.tolist(), DAY.tolist(), strict=True)), PERSONS) == 1


def test_every_class_of_what_is_released_holds_enough_persons() -> None:
    made = make_classes(LADDERS, persons=pa.chunked_array([PERSONS]), minimum_persons=K)
    told = [
        np.array([levels[level][row].as_py() for row, level in enumerate(chosen.tolist())], dtype=object)
        for levels, chosen in zip(LADDERS, made.levels, strict=True)
    ]
    kept = np.flatnonzero(made.is_kept)
    assert len(kept) > 0.9 * len(PERSONS)
    rows = [tuple(column[row] for column in told) for row in kept.tolist()]
    assert smallest_class(rows, PERSONS[kept]) >= K
