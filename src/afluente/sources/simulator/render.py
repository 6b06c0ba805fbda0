"""Values as the text a company would export, many rows at once.

Invariant: every function gives one text per input value, in order, and draws nothing at random.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Mask = NDArray[np.bool_]

EPOCH = date(1970, 1, 1)
DAY_SECONDS = 86_400


def pick(words: Sequence[str], index: Ints) -> pa.Array:
    """The words at these positions."""
    return pa.array(words, pa.string()).take(pa.array(index))


def constant(word: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(word, pa.string()), count)


def digits(values: Ints, width: int) -> pa.Array:
    """Whole numbers padded with zeros on the left."""
    return pc.utf8_lpad(pc.cast(pa.array(values), pa.string()), width, "0")


def join(*parts: pa.Array | str) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")


def by_value(values: Ints, render: Callable[[int], object], kind: pa.DataType) -> pa.Array:
    """`render` of each value, called once per different value; for columns with few of them."""
    different, index = np.unique(values, return_inverse=True)
    return pa.array([render(int(value)) for value in different], kind).take(pa.array(index))


def money_plain(cents: Ints) -> pa.Array:
    """`1234,56`"""
    return by_value(cents, lambda value: f"{value // 100},{value % 100:02d}", pa.string())


def money_written(cents: Ints) -> pa.Array:
    """`R$ 1.234,56`"""
    return by_value(cents, lambda value: f"R$ {value // 100:,}".replace(",", ".") + f",{value % 100:02d}", pa.string())


def money_true(cents: Ints) -> pa.Array:
    return by_value(cents, lambda value: Decimal(value).scaleb(-2), pa.decimal128(12, 2))


def dates(days: Ints, pattern: str) -> pa.Array:
    """Days since 1970 by a `strftime` pattern."""
    return by_value(days, lambda day: (EPOCH + timedelta(days=day)).strftime(pattern), pa.string())


@cache
def _clock() -> pa.Array:
    seconds = np.arange(DAY_SECONDS)
    return join(digits(seconds // 3600, 2), ":", digits(seconds // 60 % 60, 2), ":", digits(seconds % 60, 2))


def moments(seconds: Ints, date_pattern: str, separator: str = " ") -> pa.Array:
    """Seconds since 1970 on the local clock as date and time."""
    clock = _clock().take(pa.array(seconds % DAY_SECONDS))
    return join(dates(seconds // DAY_SECONDS, date_pattern), separator, clock)


def cpf_numbers(bases: Ints) -> Ints:
    """Nine digits with their two check digits behind, as whole numbers. Source: rule of the Receita Federal."""
    powers = 10 ** np.arange(8, -1, -1, dtype=np.int64)
    places = bases[:, None] // powers % 10
    first = (places * np.arange(10, 1, -1)).sum(axis=1) * 10 % 11 % 10
    second = ((places * np.arange(11, 2, -1)).sum(axis=1) + first * 2) * 10 % 11 % 10
    numbers: Ints = bases * 100 + first * 10 + second
    return numbers


def gtin_numbers(bases: Ints) -> Ints:
    """Twelve digits with the GTIN-13 check digit behind, as whole numbers."""
    powers = 10 ** np.arange(11, -1, -1, dtype=np.int64)
    total = (bases[:, None] // powers % 10 * np.tile([1, 3], 6)).sum(axis=1)
    numbers: Ints = bases * 10 + (10 - total % 10) % 10
    return numbers


def twice_encoded(word: str) -> str:
    """UTF-8 read as Latin-1, as in `SÃ£o`."""
    return word.encode("utf-8").decode("latin-1")


def can_be_twice_encoded(word: str) -> bool:
    """Whether double encoding changes the word and leaves only characters that print or are spaces."""
    spoiled = twice_encoded(word)
    return spoiled != word and not any("\x80" <= character <= "\x9f" for character in spoiled)
