"""Weighted sums of digits by table: three digits a step instead of one.

A number's digits are taken three at a time; a constant list of a thousand entries holds what those three add to
two weighted sums at once, packed as `first * 4096 + second`.
"""

from __future__ import annotations

from collections.abc import Sequence

from afluente.conform.dialect import Dialect

PACK = 4096


def packed_sum(dialect: Dialect, number: str, width: int, first: Sequence[int], second: Sequence[int]) -> str:
    """SQL of `sum(digit * first) * 4096 + sum(digit * second)` over a number of `width` digits.

    `first` and `second` hold one weight a digit, from the left; neither sum may reach 4096.
    """
    terms = []
    end = width
    while end > 0:
        start = max(0, end - 3)
        size = end - start
        table = [
            sum(
                int(digit) * (first[start + i] * PACK + second[start + i])
                for i, digit in enumerate(f"{value:0{size}d}")
            )
            for value in range(10**size)
        ]
        shifted = dialect.div(number, 10 ** (width - end)) if end < width else number
        chunk = shifted if start == 0 else f"({shifted} % 1000)"
        terms.append(dialect.lookup(table, chunk))
        end = start
    return "(" + " + ".join(terms) + ")"


def first_sum(dialect: Dialect, packed: str) -> str:
    return dialect.div(packed, PACK)


def second_sum(packed: str) -> str:
    return f"({packed} % {PACK})"
