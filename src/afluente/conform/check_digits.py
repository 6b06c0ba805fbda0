"""Weighted sums of a number's digits modulo 11, from its quotients by powers of ten: a division a digit, no remainder.

With Q(i) = number // 10**i a digit is Q(i) - 10 Q(i+1), and -10 is 1 modulo 11; so weights w(i), last digit first,
become factors w(i) + w(i-1) of the Q(i), and the quotients serve every sum over the same number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from afluente.conform.dialect import Dialect
from afluente.conform.reading import Cell


def quotients(cell: Cell, number: str, *, first: int, count: int, of: str = "") -> Mapping[str, str]:
    """A stage: the number divided by 10**first and by the `count - 1` powers of ten that follow, by name."""
    return {
        cell.mid(f"{of}q{power}"): cell.dialect.div(number, 10**power) if power else number
        for power in range(first, first + count)
    }


def sum_modulo_11(names: Sequence[str], weights: Sequence[int]) -> str:
    """SQL congruent modulo 11 to the sum of the digits times their weights, and never negative.

    `names` are the quotients of the number whose last digit is the first's; `weights` go from the left, one a quotient.
    """
    reverse = list(reversed(weights))
    factors = [reverse[0] % 11, *((before + weight) % 11 for before, weight in pairwise(reverse))]
    terms = [
        name if factor == 1 else f"{factor} * {name}" for name, factor in zip(names, factors, strict=True) if factor
    ]
    return f"({' + '.join(terms)})"


def check_digit(total: str) -> str:
    """The check digit `11 - r`, or 0 where r < 2: ten is minus one modulo eleven."""
    return f"({total}) * 10 % 11 % 10"


def letter_sums(dialect: Dialect, text: str, first: Sequence[int], second: Sequence[int]) -> str:
    """SQL of `sum(value * first) * PACK + sum(value * second)`, a character's value being its ASCII code minus 48."""
    return " + ".join(
        f"({dialect.code(f'substr({text}, {i + 1}, 1)')} - 48) * {one * PACK + other}"
        for i, (one, other) in enumerate(zip(first, second, strict=True))
    )


PACK = 4096
"""No sum of `letter_sums` reaches it: 42 * 69 < 4096."""
