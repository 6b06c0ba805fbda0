"""Classes of persons who cannot be told apart by what is told of them.

Invariant: what is kept lies in classes of at least the fewest persons, each with at least two values of every
sensitive column; a person's linked rows are one thing, told by all of its rows together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Flags = NDArray[np.bool_]

FEWEST_SENSITIVE = 2
"""Different sensitive values in a class: one alone would be told of everybody in it."""


@dataclass(frozen=True, slots=True)
class Classes:
    """`levels` gives, for each column, the level each row leaves at. `is_kept` says which rows leave.

    `smallest` is the number of persons in the smallest class kept, 0 when none is.
    """

    levels: tuple[Integers, ...]
    is_kept: Flags
    smallest: int

    @property
    def coarser(self) -> int:
        """How many kept rows are told coarser than was asked."""
        changed = np.zeros(len(self.is_kept), dtype=np.bool_)
        for level in self.levels:
            changed |= level > 0
        return int((changed & self.is_kept).sum())


def make_classes(
    ladders: Sequence[Sequence[pa.ChunkedArray]],
    *,
    persons: pa.ChunkedArray,
    links: Sequence[pa.ChunkedArray] = (),
    sensitive: Sequence[pa.ChunkedArray] = (),
    fixed: Integers | None = None,
    minimum_persons: int,
) -> Classes:
    """Make rows coarser until their class is large enough; rows that never come to one are not kept.

    `ladders` are the levels of each quasi-identifier, finest first. `links` are columns by which the reader can join
    rows of one person. A row without a person stands for nobody: it is never kept. `fixed` is what the reader knows
    of each row already: rows that differ in it are never alike.
    """
    rows = len(persons)
    shown = [_Ladder.of(ladder) for ladder in ladders]
    person = codes_of(persons)
    has_person = np.asarray(pc.is_valid(persons).to_numpy(), dtype=np.bool_)
    units: list[Integers | None] = [codes_of(link) for link in links] or [None]
    secrets = [codes_of(column) for column in sensitive]
    known = [] if fixed is None else [fixed]
    level = [np.zeros(rows, dtype=np.int64) for _ in shown]
    while True:
        key = combined([*known, *(one.at(now) for one, now in zip(shown, level, strict=True))], rows)
        is_large, smallest = _large(key, units, person, has_person, secrets, minimum_persons)
        if is_large.all():
            break
        small = ~is_large
        chosen = _next_column(shown, level, small)
        if chosen is None:
            break
        level[chosen] = np.where(small, np.minimum(level[chosen] + 1, shown[chosen].last), level[chosen])
    return Classes(tuple(level), is_large, smallest)


def codes_of(values: pa.ChunkedArray) -> Integers:
    """A number for each different value; null is one of them."""
    encoded = pc.dictionary_encode(values.combine_chunks(), null_encoding="encode")
    return np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Ladder:
    """The codes of a column at every level; equal texts have equal codes, whatever their levels."""

    codes: Integers

    @classmethod
    def of(cls, ladder: Sequence[pa.ChunkedArray]) -> _Ladder:
        chunks = [chunk for values in ladder for chunk in values.chunks]
        codes = codes_of(pa.chunked_array(chunks, type=ladder[0].type))
        return cls(codes.reshape(len(ladder), -1))

    @property
    def last(self) -> int:
        return len(self.codes) - 1

    def at(self, level: Integers) -> Integers:
        return self.codes[level, np.arange(len(level))]


def _large(
    key: Integers,
    units: Sequence[Integers | None],
    person: Integers,
    has_person: Flags,
    secrets: Sequence[Integers],
    minimum_persons: int,
) -> tuple[Flags, int]:
    """Which rows lie in large enough classes by every link, and how many persons the smallest of those has.

    `units` are the links; None makes each row a unit of its own.

    Rows of a person or of a unit that is not large enough do not count for others.
    """
    is_large = has_person.copy()
    smallest = 0
    while True:
        before = int(is_large.sum())
        sizes = []
        for unit in units:
            class_of = key if unit is None else signatures(unit, key, is_large)
            size = _different(class_of, person, is_large)
            sizes.append(size)
            good = size >= minimum_persons
            for secret in secrets:
                good &= _different(class_of, secret, is_large) >= FEWEST_SENSITIVE
            is_large &= good
            if unit is not None:
                # A link's rows leave all together or not at all.
                is_bad = np.zeros(int(unit.max(initial=0)) + 1, dtype=np.bool_)
                is_bad[unit[~good]] = True
                is_large &= ~is_bad[unit]
        if int(is_large.sum()) == before:
            kept = [int(size[is_large].min()) for size in sizes if is_large.any()]
            smallest = min(kept, default=0)
            return is_large, smallest


def signatures(unit: Integers, key: Integers, counted: Flags) -> Integers:
    """For each row the class of its unit, units of the same set of counted keys being one; -1 where none counts."""
    of_unit, keys = _pairs(unit[counted], key[counted])
    starts = np.flatnonzero(np.diff(of_unit, prepend=-1))
    known: dict[bytes, int] = {}
    class_of_unit = np.full(int(unit.max(initial=0)) + 1, -1, dtype=np.int64)
    for start, end in pairwise([*starts.tolist(), len(keys)]):
        class_of_unit[of_unit[start]] = known.setdefault(keys[start:end].tobytes(), len(known))
    return class_of_unit[unit]


def _different(class_of: Integers, values: Integers, counted: Flags) -> Integers:
    """For each row the number of different values in its class, among counted rows."""
    classes, _ = _pairs(class_of[counted], values[counted])
    found = np.bincount(classes, minlength=int(class_of.max(initial=0)) + 1)
    sizes: Integers = np.where(class_of >= 0, found[class_of], 0)
    return sizes


def _pairs(left: Integers, right: Integers) -> tuple[Integers, Integers]:
    """The different pairs, sorted by the first and then by the second."""
    width = int(right.max(initial=0)) + 1
    found = np.unique(left * width + right)
    return found // width, found % width


def _next_column(shown: Sequence[_Ladder], level: Sequence[Integers], small: Flags) -> int | None:
    """The column to make coarser: the one that still tells most about the small rows."""
    best, most = None, -1
    for number, (one, now) in enumerate(zip(shown, level, strict=True)):
        if (now[small] >= one.last).all():
            continue
        different = len(np.unique(one.at(now)[small]))
        if different > most:
            best, most = number, different
    return best


def combined(columns: Sequence[Integers], rows: int) -> Integers:
    """One code for each different list of codes."""
    key = np.zeros(rows, dtype=np.int64)
    for column in columns:
        pairs = key * (int(column.max(initial=0)) + 1) + column
        key = np.unique(pairs, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return key
