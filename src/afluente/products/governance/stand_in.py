"""What takes the place of a person's key in rows that are kept for their totals: nothing, or a random key.

Invariant: a stand-in says nothing of the person and is nobody else's key; one person has one in all tables, so that
counts of different people stay as they were.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Collection, Iterable

from afluente.core.errors import RunError
from afluente.project.contract import Contract

_ATTEMPTS = 200
_MOST_DIGITS_MORE = 2
_SHORTEST_HEX = 16


def may_be_null(contract: Contract, name: str) -> bool:
    """Whether a row whose column comes empty still passes the contract."""
    column = contract.column(name)
    is_reference = any(name in reference.columns for reference in contract.references)
    is_fixed = column.required or name in contract.keys or name in contract.partition_by or is_reference
    return not is_fixed and column.on_missing in ("keep", "set_null")


def stand_in(key: str, taken: Collection[str]) -> str:
    """A random key in the shape of this one: digits for digits, and hex digits for hex digits in a long hex key.

    A number gets digits more where those of its length are taken, as people counted from 1 have it.
    """
    bare = key.replace("-", "")
    is_hex = len(bare) >= _SHORTEST_HEX and all(letter in string.hexdigits for letter in bare)
    is_number = key.isascii() and key.isdigit()
    for more in range(_MOST_DIGITS_MORE + 1 if is_number else 1):
        shape = key + "0" * more
        for _ in range(_ATTEMPTS):
            made = "".join(_other(letter, is_first=at == 0, is_hex=is_hex) for at, letter in enumerate(shape))
            if made not in taken and made != key:
                return made
    raise RunError(
        "erase.no_stand_in",
        "no free key of the same shape was found to stand in for the person's",
        hint="erase_person(..., policies={table: 'delete'}) in Python deletes the rows that refer to the person",
    )


def _other(letter: str, *, is_first: bool, is_hex: bool) -> str:
    if is_hex and letter != "-":
        return secrets.choice("0123456789abcdef")
    if letter.isdigit():
        return secrets.choice(string.digits[1:] if is_first else string.digits)
    return letter


def shape_of(keys: Iterable[str]) -> str:
    """The key whose shape is taken when a person has several."""
    return min(keys)
